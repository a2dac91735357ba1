package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

const judgeLong = `judge reads stored outcomes, judges each again from its evidence, and prints the old verdict and the new
one.

  oomcage judge results.jsonl

A FILE has one outcome a line, as in the outcome.json that go test -artifacts keeps and in the results of
a sweep; - is stdin. It needs no root and no cgroup.`

func newJudgeCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "judge FILE…",
		Short:                 "Judge stored outcomes again from their evidence",
		Long:                  withCodes(judgeLong, "judge"),
		DisableFlagsInUseLine: true,
		Args:                  atLeastOne("no file to judge: name files with one outcome a line, or - for stdin"),
		RunE: interruptible(func(cmd *cobra.Command, files []string) error {
			return judge(files, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		}),
	}
}

// judge prints a line for each outcome to stdout, and what cannot be read to stderr.
func judge(files []string, stdin io.Reader, stdout, stderr io.Writer) error {
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	j := &judgement{table: table}
	bad := 0
	complain := func(err error) {
		bad++
		fmt.Fprintf(stderr, "oomcage judge: %s\n", printable.Indented(advised(err)))
	}
	for _, file := range files {
		if file == "-" {
			j.read("stdin", stdin, complain)
			continue
		}
		f, err := os.Open(file)
		if err != nil {
			complain(err)
			continue
		}
		j.read(file, f, complain)
		f.Close()
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the verdicts: %w", err)
	}
	summary := fmt.Sprintf("%s judged again: %d agree, %d differ", human.Count(j.same+j.different, "outcome"), j.same, j.different)
	if bad += j.unnamed; bad > 0 {
		summary += "; " + human.Count(bad, "error")
	}
	if _, err := fmt.Fprintln(stdout, summary); err != nil {
		return fmt.Errorf("print the verdicts: %w", err)
	}
	switch {
	case bad > 0:
		return exitCode(exitUsage)
	case j.different > 0:
		return exitCode(exitFailed)
	}
	return nil
}

// judgement counts the verdicts.
type judgement struct {
	table           *tabwriter.Writer
	same, different int
	unnamed         int // lines that are no outcomes, beside those that were complained of
}

// alignedRows is how many rows are aligned with each other: until then they are held in memory.
const alignedRows = 1000

// maxComplaints is how many lines of one file are complained of one by one: one that is none of ours may have
// millions.
const maxComplaints = 20

// read judges each line of a file. A file without an outcome is an error: it would agree with
// everything.
func (j *judgement) read(name string, r io.Reader, complain func(error)) {
	in := sweep.NewReader(r)
	in.Summary = true
	outcomes, bad := 0, 0
	for {
		o, err := in.Next()
		var line *sweep.LineError
		switch {
		case errors.Is(err, io.EOF):
			if bad > maxComplaints {
				complain(fmt.Errorf("%s: %d more lines are no outcomes that this oomcage reads", name, bad-maxComplaints))
				j.unnamed += bad - maxComplaints - 1
			}
			if outcomes+bad == 0 {
				complain(fmt.Errorf("%s: it is empty; one outcome a line is needed", name))
			}
			return
		case errors.As(err, &line):
			if bad++; bad <= maxComplaints {
				complain(&sweep.LineError{File: name, Line: line.Line, Err: line.Err})
			}
		case err != nil:
			complain(fmt.Errorf("%s: %w", name, err))
			return
		default:
			outcomes++
			j.again(o, fmt.Sprintf("%s:%d", name, in.Line()))
		}
	}
}

// again judges o, which was found at the given place.
func (j *judgement) again(o *outcome.Outcome, where string) {
	old := o.Verdict
	o.Verdict, o.Why = o.Judge()
	name := cmp.Or(o.Name, where)
	row := fmt.Sprintf("%s\t%-*s  %s", printable.Line(name), verdictWidth, old, o.Verdict)
	if o.Verdict == old {
		j.same++
	} else {
		j.different++
		row = fmt.Sprintf("%s\t%-*s  %-*s  differs: %s (%s)", printable.Line(name), verdictWidth, old, verdictWidth, o.Verdict, printable.Line(o.Why), printable.Line(where))
	}
	fmt.Fprintln(j.table, row)
	if (j.same+j.different)%alignedRows == 0 {
		_ = j.table.Flush() // an error is found again at the end
	}
}

// verdictWidth is the length of the longest verdict.
const verdictWidth = len(outcome.AncestorOOMKilled)
