package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/internal/shell"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

const explainLong = `explain says of one stored outcome, in about ten lines, what somebody who knows the kernel would: how it
ended, what filled the cage, when, who was killed, for what memory, what the kernel tried before, and what would help.

  oomcage run --max 100M --post /generate-load/memory --step 20MiB --json -- ./app -addr '$ADDR' >outcome.json
  oomcage explain outcome.json

A FILE has one outcome a line, as run --json prints it, go test -artifacts keeps it and a sweep writes it; - is stdin.
Of several outcomes it takes the one that is named. It needs no root and no cgroup.`

func newExplainCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:                   "explain [--name NAME] FILE",
		Short:                 "Say of a stored outcome what filled the cage, and what would help",
		Long:                  withCodes(explainLong, "explain"),
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%s given, and one is needed: name a file with outcomes, or - for stdin", human.Count(len(args), "file"))
			}
			return nil
		},
		RunE: interruptible(func(cmd *cobra.Command, args []string) error {
			in := cmd.InOrStdin()
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return usageError{err}
				}
				defer f.Close()
				in = f
			}
			o, err := findOutcome(in, args[0], name)
			if err != nil {
				return usageError{err}
			}
			return explain(o, cmd.OutOrStdout())
		}),
	}
	cmd.Flags().StringVar(&name, "name", "", "the outcome of that name; needed where there are several")
	return cmd
}

// findOutcome reads outcomes, and returns the one with the name or, without a name, the only one.
func findOutcome(in io.Reader, file, name string) (*outcome.Outcome, error) {
	const maxListed = 10 // names that are listed
	var found *outcome.Outcome
	var names []string
	count := 0
	for r := sweep.NewReader(in); ; {
		o, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		var line *sweep.LineError
		if errors.As(err, &line) {
			return nil, &sweep.LineError{File: file, Line: line.Line, Err: line.Err}
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if count++; len(names) < maxListed {
			names = append(names, "  --name "+shell.Join(o.Name))
		}
		if name != "" && o.Name == name {
			return o, nil
		}
		found = o
	}
	switch {
	case count == 0:
		return nil, fmt.Errorf("%s: it is empty; one outcome a line is needed", file)
	case count == 1 && name == "":
		return found, nil
	case count > maxListed:
		names = append(names, fmt.Sprintf("  and %d more", count-maxListed))
	}
	what := fmt.Sprintf("it has %d outcomes, and one can be explained", count)
	if name != "" {
		what = fmt.Sprintf("it has no outcome named %q", name)
	}
	return nil, fmt.Errorf("%s: %s; it has\n%s", file, what, strings.Join(names, "\n"))
}

// explain prints the explanation of an outcome, wrapped to the width of a page.
func explain(o *outcome.Outcome, w io.Writer) error {
	const width, indent = 100, 10
	var b strings.Builder
	if o.Name != "" {
		fmt.Fprintf(&b, "%s\n", printable.Line(o.Name))
	}
	for _, e := range o.Explain() {
		fmt.Fprintf(&b, "%-*s%s\n", indent, e.About, wrapped(e.Text, width-indent, indent))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("print the explanation: %w", err)
	}
	return nil
}

// wrapped breaks a text between words, and indents all lines but the first.
func wrapped(text string, width, indent int) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return strings.Join(append(lines, line), "\n"+strings.Repeat(" ", indent))
}
