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
			o, other, err := findOutcome(in, args[0], name)
			if err != nil {
				return usageError{err}
			}
			return explain(o, other, cmd.OutOrStdout())
		}),
	}
	cmd.Flags().StringVar(&name, "name", "", "the outcome of that name; needed where there are several")
	return cmd
}

// otherTHP is the name of the same point of a sweep without transparent huge pages, or with them; "" where it has no such axis.
func otherTHP(name string) string {
	values := strings.Split(name, "/")
	for i, v := range values {
		if other := map[string]string{"no_thp=0": "no_thp=1", "no_thp=1": "no_thp=0"}[v]; other != "" {
			values[i] = other
			return strings.Join(values, "/")
		}
	}
	return ""
}

// findOutcome reads outcomes, and returns the one with the name or, without a name, the only one. Where a sweep has tried it, other
// is that of the same point without transparent huge pages, or with them.
func findOutcome(in io.Reader, file, name string) (found, other *outcome.Outcome, err error) {
	var last *outcome.Outcome
	var there choices
	count, foundAt, wanted := 0, 0, otherTHP(name)
	for r := sweep.NewReader(in); ; {
		o, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && found != nil {
			break // what it has is known, and the other is of no weight
		}
		var line *sweep.LineError
		if errors.As(err, &line) {
			return nil, nil, &sweep.LineError{File: file, Line: line.Line, Err: line.Err}
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
		count++
		there.add(o.Name, r.Line())
		switch {
		case name == "":
			last = o
		case o.Name == name && found != nil:
			return nil, nil, fmt.Errorf("%s: the outcomes of the lines %d and %d have that name, and one at a time is explained; name one as in\n  %s",
				file, foundAt, r.Line(), place{name, foundAt}.alone(file))
		case o.Name == name:
			found, foundAt = o, r.Line()
		case wanted != "" && o.Name == wanted && other == nil:
			other = o
		}
	}
	switch {
	case found != nil:
		return found, other, nil
	case count == 0:
		return nil, nil, fmt.Errorf("%s: it is empty; one outcome a line is needed", file)
	case count == 1 && name == "":
		return last, nil, nil
	}
	what := fmt.Sprintf("it has %d outcomes, and one at a time is explained: name it by --name", count)
	if name != "" {
		what = fmt.Sprintf("it has no outcome named %q", name)
	}
	return nil, nil, fmt.Errorf("%s: %s; it has\n%s", file, what, there.list(file, count))
}

// place is where an outcome is in a file.
type place struct {
	name string
	line int
}

// alone is the command that explains it without a name, or where others have its name.
func (p place) alone(file string) string {
	return fmt.Sprintf("sed -n %dp %s | oomcage explain -", p.line, shell.Join(file))
}

// choices are the places of the first outcomes of a file, however many it has.
type choices struct {
	first  []place
	called map[string]int // how many outcomes of the file have such a name
}

func (p *choices) add(name string, line int) {
	const most = 100
	if p.called == nil {
		p.called = map[string]int{}
	}
	listed := len(p.first) < most
	if listed {
		p.first = append(p.first, place{name, line})
	}
	if listed || p.called[name] > 0 {
		p.called[name]++
	}
}

// list says of outcomes how each is explained. There are so many in the file.
func (p *choices) list(file string, count int) string {
	var lines []string
	for _, at := range p.first {
		if at.name == "" || p.called[at.name] > 1 {
			lines = append(lines, "  "+at.alone(file))
		} else {
			lines = append(lines, "  --name "+shell.Join(at.name))
		}
	}
	if more := count - len(p.first); more > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// explain prints the explanation of an outcome, wrapped to the width of a page.
func explain(o, other *outcome.Outcome, w io.Writer) error {
	const width, indent = 100, 10
	var b strings.Builder
	if o.Name != "" {
		fmt.Fprintf(&b, "%s\n", printable.Line(o.Name))
	}
	lines := o.Explain()
	if other != nil {
		with, without := o, other
		if o.Spec.Target.NoTHP {
			with, without = other, o
		}
		lines = append(lines, outcome.Explanation{About: "thp", Text: outcome.CompareTHP(with, without)})
	}
	for _, e := range lines {
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
