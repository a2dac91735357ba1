//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"oomcage/harness"
	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/sweep"
)

const bisectLong = `bisect finds the smallest memory.max at which PROGRAM survives its load: all of its -steps or, without a
step, its own work, to exit code 0.

  oomcage bisect --post /upload --steps 20 -- ./service -addr '$ADDR'
  oomcage bisect --lo 4M --hi 256M --tolerance 1M -- sort -o /dev/null words

It tries the upper end, then the lower one, and halves what is between. Each limit must survive -repeat
runs out of as many. A limit that survives only sometimes, or survives where a higher one does not, is warned
of: there is then no one answer.

A run also fails where memory is not the cause: an answer of 404, an exit by itself. At the upper end that
ends the search, since no limit would help; below it there is a warning. The end of what the program printed
then stands below its line.`

func newBisectCommand() *cobra.Command {
	var what specFlags
	var limits limitFlags
	var s sweep.Search
	var step harness.Bytes
	var asJSON bool
	cmd := programCommand("bisect", "Find the smallest memory.max that a program survives", bisectLong, func(cmd *cobra.Command, args []string) error {
		if s.Repeats < 1 {
			return usageError{fmt.Errorf("-repeat is %d: each limit is run once at least", s.Repeats)}
		}
		spec, err := what.one(limits, step, args)
		if err != nil {
			return err
		}
		s.Spec, s.ShowSecrets = spec, what.showSecrets
		if spec.Load.Step != nil && spec.Load.Count == 0 {
			return usageError{errors.New("the load has no end: say by -steps how many are to survive")}
		}
		if err := s.Validate(); err != nil {
			return usageError{err}
		}
		warn(cmd.ErrOrStderr(), cmd.CommandPath(), spec.Data())
		return bisect(cmd.Context(), s, asJSON, cmd.OutOrStdout(), cmd.ErrOrStderr())
	})
	f := cmd.Flags()
	f.Var(&s.Lo, "lo", "lowest memory.max to try (default: the tolerance)")
	f.Var(&s.Hi, "hi", "highest memory.max to try (default: what the machine spares for one cage)")
	f.Var(&s.Tolerance, "tolerance", "how far above the smallest limit the answer may lie (default 1MiB)")
	f.IntVar(&s.Repeats, "repeat", 3, "`N` runs must survive at a limit, of as many")
	limits.register(cmd, false)
	what.register(cmd)
	f.Var(&step, "step", "what one step takes: $step in the load")
	f.BoolVar(&asJSON, "json", false, "print the answer as a line of JSON")
	return cmd
}

func bisect(ctx context.Context, s sweep.Search, asJSON bool, stdout, stderr io.Writer) error {
	s.Done = newSearchPrinter(asJSON, stdout, stderr).done
	a, err := sweep.Bisect(ctx, s)
	if err != nil {
		if a != nil && a.Max != 0 {
			fmt.Fprintf(stderr, "oomcage bisect: it did not come to an end; so far: %s\n", sentence(s, a))
		}
		return asUsage(err)
	}
	for _, warning := range a.Warnings {
		fmt.Fprintf(stderr, "oomcage bisect: warning: %s\n", printable.Line(warning))
	}
	if asJSON {
		err = printJSON(stdout, a)
	} else {
		_, err = fmt.Fprintf(stdout, "\n%s\n", sentence(s, a))
	}
	if err == nil && a.Max == 0 {
		err = failed("not even the upper end survives")
	}
	return err
}

// searchPrinter prints each run of a search.
type searchPrinter struct {
	asJSON         bool
	stdout, stderr io.Writer
	printed        string // the last end of an output that was printed
}

func newSearchPrinter(asJSON bool, stdout, stderr io.Writer) *searchPrinter {
	return &searchPrinter{asJSON: asJSON, stdout: stdout, stderr: stderr}
}

// done prints a line of the run, and what the program printed last where it failed for another reason than its limit:
// once, where the repeats say the same.
func (s *searchPrinter) done(o *harness.Outcome) {
	if !s.asJSON {
		line := fmt.Sprintf("%-*s  %s  %s", verdictWidth, o.Verdict, done(o), printable.Line(o.Name))
		if why := sweep.Failure(o); why != "" {
			line += "  " + printable.Line(why)
		}
		fmt.Fprintln(s.stdout, line)
	}
	if !sweep.FailedOtherwise(o) {
		return
	}
	if last := lastLines(o.Output, outputLines); last != s.printed {
		fmt.Fprint(s.stderr, last)
		s.printed = last
	}
}

const (
	outputLines = 12  // of a program's output that are printed where it failed for another reason
	outputWidth = 400 // characters of each
)

// lastLines is the end of a program's output, each line behind a bar. Empty lines say nothing.
func lastLines(output string, most int) string {
	var lines []string
	for line := range strings.Lines(output) {
		if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) != "" {
			text := []rune(printable.Lines(line))
			lines = append(lines, "  | "+string(text[:min(len(text), outputWidth)])+"\n")
		}
	}
	return strings.Join(lines[max(0, len(lines)-most):], "")
}

// sentence is the answer: "smallest memory.max that survives 200 steps: 143MiB (3 of 3; 142MiB: 0 of 3)".
func sentence(s sweep.Search, a *sweep.Answer) string {
	what := "the program's own work"
	if s.Spec.Load.Step != nil {
		what = human.Count(s.Spec.Load.Count, "step")
	}
	var below, at sweep.Trial
	for _, t := range a.Trials {
		switch {
		case a.Max == 0 || t.Max == a.Max:
			at = t
		case t.Max < a.Max:
			below = t
		}
	}
	switch {
	case a.Max == 0:
		return fmt.Sprintf("a memory.max of %v, the upper end, does not survive %s (%d of %d); nothing below it was tried", at.Max, what, at.Survived, at.Runs)
	case below.Runs == 0:
		return fmt.Sprintf("%v survives %s (%d of %d), and it is the lowest that was tried", a.Max, what, at.Survived, at.Runs)
	default:
		return fmt.Sprintf("smallest memory.max that survives %s: %v (%d of %d; %s)", what, a.Max, at.Survived, at.Runs, below)
	}
}
