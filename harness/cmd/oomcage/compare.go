package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"oomcage/harness/compare"
	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/internal/shell"
	"oomcage/harness/sweep"
)

const compareLong = `compare tells what has changed between the results of two builds, and what is noise.

  oomcage compare base.jsonl head.jsonl
  oomcage compare --fail-on 'peak +5%, verdict' base.jsonl head.jsonl
  oomcage compare --format markdown -o comment.md base.jsonl head.jsonl
  oomcage compare --format html -o compare.html base.jsonl head.jsonl

Each file has one outcome a line, as sweep, bisect and run --json keep them. Points are matched by their
names, and the repeats of a point (sweep --repeat 5) are compared as samples, by a Mann-Whitney U test. A change
counts when it is significant (p ≤ 0.01, which takes 5 repeats on each side), also among all points that were
tested, and larger than what runs of one build differ by. Below 5 repeats there is no significance: then a change
counts when all runs of one side lie beyond those of the other.

It looks at the verdict, the smallest memory.max that was survived (limit), the peak, the steps that were
acknowledged, the latency (p95 of a run's steps) and what the cage was filled with.

--fail-on names, with commas, what may not change: verdict (to another one that is not survived), limit, peak, steps,
latency, filled. An amount says by how much more than the base: peak +5%, peak +3MiB, limit +4MiB, steps -2,
latency +10ms; without a sign it is both up and down, and without an amount any change for the worse. What is within
noise never fails. Points of BASE that HEAD does not have fail as well, as nothing is known of them (missing): missing 2
and missing 10% allow for some, and missing 100% for all. Points that one file alone has are listed.

  oomcage compare --fail-on 'verdict, missing 100%' base.jsonl head.jsonl`

type compareOptions struct {
	out    string
	format compare.Format
	failOn string
}

func newCompareCommand() *cobra.Command {
	o := compareOptions{format: compare.Text}
	cmd := &cobra.Command{
		Use:                   "compare [--fail-on LIST] [--format FORMAT] [-o FILE] BASE HEAD",
		Short:                 "Tell what has changed between the results of two builds, and what is noise",
		Long:                  withCodes(compareLong, "compare"),
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("%s given, and two are needed: the results of the base, then those of the head", human.Count(len(args), "file"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error {
			if err := refuseEmpty(cmd); err != nil {
				return err
			}
			return o.compare(cmd.Context(), files, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.failOn, "fail-on", "", "`LIST` of what may not change, as in 'peak +5%, verdict'; exit code 1 then")
	f.Var(&o.format, "format", "text, markdown, html or json")
	f.StringVarP(&o.out, "output", "o", "", "`FILE` to write (default stdout)")
	return cmd
}

// compare compares the two files, of the base and of the head.
func (o compareOptions) compare(ctx context.Context, files []string, stdout, stderr io.Writer) error {
	var gates []compare.Gate
	if o.failOn != "" {
		var err error
		if gates, err = compare.ParseGates(o.failOn); err != nil {
			return usageError{fmt.Errorf("--fail-on: %w", err)}
		}
	}
	if err := replacesNoResults(o.out); err != nil {
		return err
	}
	var sides [2]*compare.Results
	for i, file := range files {
		var err error
		if sides[i], err = untilSignal(ctx, func() (*compare.Results, error) { return compare.Read(file) }); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("%w; sweep and bisect write such a file, with -o %s", err, shell.Join(file))
			}
			return usageError{err}
		}
	}
	c := compare.Compare(sides[0], sides[1])
	if len(c.Points) == 0 && len(c.Series) == 0 {
		return usageError{fmt.Errorf("%s and %s have no point in common: compare results of the same sweep", files[0], files[1])}
	}
	failures := c.Check(gates)
	var written bytes.Buffer
	if err := compare.Write(&written, c, o.format); err != nil {
		return fmt.Errorf("make the comparison: %w", err)
	}
	if err := writeOut(ctx, o.out, stdout, &written, "comparison"); err != nil {
		return err
	}
	if len(failures) == 0 {
		return nil
	}
	if o.format != compare.Text || o.out != "" {
		for _, f := range failures[:min(len(failures), maxFailures)] {
			fmt.Fprintf(stderr, "oomcage compare: %s\n", printable.Line(f.String()))
		}
		if more := len(failures) - maxFailures; more > 0 {
			fmt.Fprintf(stderr, "oomcage compare: and %d more\n", more)
		}
	}
	return exitCode(exitFailed)
}

// maxFailures is how many changes are named on stderr: a sweep may have thousands of points.
const maxFailures = 20

// replacesNoResults refuses to write over results.
func replacesNoResults(out string) error {
	if out != "" && sweep.IsResults(out) {
		return usageError{errors.New(out + " is a file of results, which the report would replace: name another one by -o")}
	}
	return nil
}
