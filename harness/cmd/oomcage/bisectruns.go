//go:build linux

package main

import (
	"fmt"
	"io"
	"strings"

	"oomcage/harness"
	"oomcage/harness/internal/printable"
	"oomcage/harness/sweep"
)

// searchPrinter prints each run of a search.
type searchPrinter struct {
	asJSON         bool
	stdout, stderr io.Writer
	count          int
	printed        string // the last end of an output that was printed
}

func newSearchPrinter(asJSON bool, stdout, stderr io.Writer) *searchPrinter {
	return &searchPrinter{asJSON: asJSON, stdout: stdout, stderr: stderr}
}

// done prints a line of the run, and what the program printed last where it failed for another reason than its limit:
// once, where the repeats say the same.
func (s *searchPrinter) done(o *harness.Outcome, earlier bool) {
	s.count++
	if !s.asJSON {
		line := fmt.Sprintf("%-*s  %s  %s", verdictWidth, o.Verdict, done(o), printable.Line(o.Name))
		if earlier {
			line += " (of an earlier run)"
		}
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
