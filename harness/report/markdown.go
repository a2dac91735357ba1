package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
)

// A job's summary takes 1 MiB at most, and people far less.
const (
	maxFindings = 20 // of each check: many of one hide none of another
	maxRows     = 40
	maxColumns  = 24
)

// writeMarkdown writes the report for the summary of a CI job: what was found, the map, and what made it.
func (s *Set) writeMarkdown(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "## %s\n\n", markdown(s.summary()))
	if err := s.Complete(); err != nil {
		fmt.Fprintf(out, "**Incomplete:** %s\n\n", markdown(err.Error()))
	}
	if mixed := s.Mixed(); mixed != "" {
		fmt.Fprintf(out, "**Mixed:** %s\n\n", markdown(mixed))
	}
	if len(s.Findings) == 0 {
		fmt.Fprint(out, "No check has found anything.\n\n")
	} else {
		fmt.Fprintf(out, "**%s:**\n\n", human.Count(len(s.Findings), "finding"))
		listed := s.listed()
		for _, f := range listed {
			fmt.Fprintf(out, "- %s\n", markdown(f.String()))
		}
		if left := len(s.Findings) - len(listed); left > 0 {
			fmt.Fprintf(out, "- and %d more\n", left)
		}
		fmt.Fprintln(out)
	}
	s.markdownMap(out)
	s.markdownFilled(out)
	for _, p := range s.places() {
		for _, text := range []string{p.Command, p.Kernel, p.Machine, p.Date} {
			if text != "" {
				fmt.Fprintf(out, "%s  \n", markdown(text))
			}
		}
		fmt.Fprintln(out)
	}
	return out.Flush()
}

// markdownMap writes the cells as a table, with a legend of the letters.
func (s *Set) markdownMap(out io.Writer) {
	g := s.grid()
	found := s.found()
	columns := g.across.Values[:min(len(g.across.Values), maxColumns)]
	rows := g.rows[:min(len(g.rows), maxRows)]
	header := []string{markdown(g.across.Name)}
	for _, v := range columns {
		header = append(header, markdown(v))
	}
	fmt.Fprintf(out, "| %s |\n|%s\n", strings.Join(header, " | "), strings.Repeat(" --- |", len(header)))
	for _, row := range rows {
		line := []string{markdown(row)}
		for _, v := range columns {
			c := g.cells[[2]string{row, v}]
			text := markdown(c.String())
			for _, o := range c {
				if len(found[o.Name]) > 0 {
					text = "**" + text + "** !"
					break
				}
			}
			line = append(line, text)
		}
		fmt.Fprintf(out, "| %s |\n", strings.Join(line, " | "))
	}
	fmt.Fprintln(out)
	if len(columns) < len(g.across.Values) || len(rows) < len(g.rows) {
		fmt.Fprintf(out, "The first %d of %d rows and %d of %d columns.\n\n", len(rows), len(g.rows), len(columns), len(g.across.Values))
	}
	fmt.Fprintf(out, "%s, and the steps that were acknowledged", markdown(s.legend()))
	if len(s.Findings) > 0 {
		fmt.Fprint(out, "; ! marks what the findings are about")
	}
	fmt.Fprint(out, ".\n\n")
}

// markdownFilled says by kind how many cages were filled most by it, and of the fullest of them with what.
func (s *Set) markdownFilled(out io.Writer) {
	points := map[outcome.Kind]int{}
	fullest := map[outcome.Kind]*outcome.Outcome{}
	for _, o := range s.Outcomes {
		kind, size := o.Evidence.Fullest.FilledBy()
		if kind == "" {
			continue
		}
		points[kind]++
		if before := fullest[kind]; before == nil || size > before.Evidence.Fullest.Stat.Of(kind) {
			fullest[kind] = o
		}
	}
	if len(points) == 0 {
		return
	}
	fmt.Fprint(out, "| filled by | points | the fullest |\n| --- | --- | --- |\n")
	for _, kind := range outcome.Kinds() {
		if o := fullest[kind]; o != nil {
			fmt.Fprintf(out, "| %s | %d | %s: %s |\n", kind, points[kind], markdown(o.Name), markdown(o.Evidence.Fullest.Filled()))
		}
	}
	fmt.Fprintln(out)
}

// legend names the letters of the verdicts that occur: "S survived, K oom-killed".
func (s *Set) legend() string {
	var parts []string
	for _, v := range cell(s.Outcomes).verdicts() {
		parts = append(parts, looks[v].letter+" "+string(v))
	}
	return strings.Join(parts, ", ")
}

// maxText is how much of one text a summary has.
const maxText = 1000

func markdown(s string) string { return printable.Markdown(ends(s, maxText)) }
