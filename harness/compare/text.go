package compare

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
)

// How much of each a terminal gets: a comparison may have 100,000 points.
const (
	textRows   = 100 // of each measure
	textNames  = 10  // of points that one file alone has
	textFailed = 20  // of what a gate has found
)

// writeText writes the comparison for a terminal, as benchstat does.
func (c *Comparison) writeText(w io.Writer) error {
	out := bufio.NewWriter(w)
	for i, s := range []Side{c.Base, c.Head} {
		fmt.Fprintf(out, "%s  %s\n", []string{"base", "head"}[i], printable.Line(s.describe()))
	}
	for _, note := range c.Notes {
		fmt.Fprintf(out, "note  %s\n", printable.Line(note))
	}
	for i, f := range c.Failures[:min(len(c.Failures), textFailed)] {
		if i == 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "FAIL  %s\n", printable.Line(f.String()))
	}
	if more := len(c.Failures) - textFailed; more > 0 {
		fmt.Fprintf(out, "FAIL  and %d more\n", more)
	}
	fmt.Fprintf(out, "\n%s\n", c.summary())
	for _, s := range c.sections(textRows) {
		s.writeText(out, c)
	}
	for _, only := range []struct {
		file  string
		names []string
	}{{c.Base.File, c.OnlyBase}, {c.Head.File, c.OnlyHead}} {
		if len(only.names) > 0 {
			fmt.Fprintf(out, "\nonly in %s: %s\n", printable.Line(only.file), listed(only.names, textNames))
		}
	}
	return out.Flush()
}

// describe prints "base.jsonl: 12 points, 60 runs; Linux 6.12, amd64, 2 CPUs".
func (s Side) describe() string {
	text := fmt.Sprintf("%s: %s, %s", s.File, human.Count(s.Points, "point"), human.Count(s.Runs, "run"))
	if s.Origin.Kernel != "" {
		text += "; " + machine(s.Origin)
	}
	return text
}

// String is what failed, in a line.
func (f Failure) String() string { return fmt.Sprintf("%s: %s: %s", f.Gate, shown(f.Point), f.Text) }

// listed names the first ones.
func listed(names []string, most int) string {
	var all []string
	for _, n := range names[:min(len(names), most)] {
		all = append(all, shown(n))
	}
	text := fmt.Sprintf("%s (%s)", human.Count(len(names), "point"), strings.Join(all, ", "))
	if more := len(names) - len(all); more > 0 {
		text = strings.TrimSuffix(text, ")") + fmt.Sprintf(" and %d more)", more)
	}
	return text
}

// writeText writes the rows, with the figures of a column below each other.
func (s section) writeText(out io.Writer, c *Comparison) {
	rows := [][]string{{s.title, "base", "head", ""}}
	for _, r := range s.rows {
		change := r.change
		if r.note != "" {
			change += "  " + r.note
		}
		rows = append(rows, []string{r.name, r.base, r.head, change})
	}
	if mean := s.mean(c); mean != "" {
		rows = append(rows, []string{"geometric mean", "", "", mean})
	}
	var width [3]int
	for _, r := range rows {
		for i := range width {
			width[i] = max(width[i], utf8.RuneCountInString(r[i]))
		}
	}
	fmt.Fprintln(out)
	if len(s.rows) == 0 {
		fmt.Fprintf(out, "%s: %s\n", s.title, s.left())
		return
	}
	for i, r := range rows {
		line := fmt.Sprintf("%s │ %s │ %s", padded(r[0], width[0]), padded(r[1], -width[1]), padded(r[2], -width[2]))
		fmt.Fprintln(out, strings.TrimRight(line+"  "+r[3], " "))
		if i == 0 {
			fmt.Fprintf(out, "%s─┼─%s─┼─%s─\n", strings.Repeat("─", width[0]), strings.Repeat("─", width[1]), strings.Repeat("─", width[2]))
		}
	}
	if left := s.left(); left != "" {
		fmt.Fprintln(out, left)
	}
}

// left says what has no row, or "".
func (s section) left() string {
	var parts []string
	if s.more > 0 {
		parts = append(parts, fmt.Sprintf("%d more have changed", s.more))
	}
	if s.same > 0 {
		parts = append(parts, fmt.Sprintf("%d as before", s.same))
	}
	return strings.Join(parts, ", ")
}

// mean is the change over all points, where there are several and one has changed.
func (s section) mean(c *Comparison) string {
	changed := slices.ContainsFunc(s.rows, func(r row) bool { return r.changed })
	for _, f := range figures {
		if f.what == s.title && changed && len(s.rows)+s.same > 1 {
			if m := c.means(f); m > 0 {
				return fmt.Sprintf("%+.1f %%", 100*(m-1))
			}
		}
	}
	return ""
}

// padded is a text with spaces up to a width: behind it, or before it where that is negative.
func padded(text string, width int) string {
	n := utf8.RuneCountInString(text)
	if width < 0 {
		return strings.Repeat(" ", max(-width-n, 0)) + text
	}
	return text + strings.Repeat(" ", max(width-n, 0))
}
