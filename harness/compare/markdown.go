package compare

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
)

// A comment on a pull request has 65,536 characters at most, and people take in far less.
const (
	maxComment   = 60_000
	markdownRows = 20  // of each measure, as many failures, and half as many names of points that one file alone has
	markdownText = 200 // bytes of a name, before what means something in Markdown is escaped
	markdownNote = 400 // bytes of a note, which is a sentence
)

// writeMarkdown writes the comparison for a comment on a pull request: whether it fails, and what has changed. Where names are
// long, there are fewer rows.
func (c *Comparison) writeMarkdown(w io.Writer) error {
	for rows := markdownRows; ; rows /= 2 {
		var out bytes.Buffer
		c.comment(&out, rows)
		if out.Len() <= maxComment || rows == 0 {
			_, err := out.WriteTo(w)
			return err
		}
	}
}

// comment writes a comment with at most that many rows of each measure.
func (c *Comparison) comment(out io.Writer, rows int) {
	fmt.Fprintf(out, "### oomcage: %s\n\n", markdown(c.summary()))
	if len(c.Failures) > 0 {
		fmt.Fprintf(out, "**What may not change, and did (%d):**\n\n", len(c.Failures))
		for _, f := range c.Failures[:min(len(c.Failures), rows)] {
			fmt.Fprintf(out, "- %s: %s: %s\n", markdown(f.Gate), markdown(shown(f.Point)), markdown(f.Text))
		}
		if more := len(c.Failures) - rows; more > 0 {
			fmt.Fprintf(out, "- and %d more\n", more)
		}
		fmt.Fprintln(out)
	}
	for _, note := range c.Notes {
		fmt.Fprintf(out, "> %s\n\n", printable.Markdown(shortened(note, markdownNote)))
	}
	var same []string
	for _, s := range c.changes(rows) {
		if len(s.rows) == 0 && s.more == 0 {
			same = append(same, s.title)
			continue
		}
		s.writeMarkdown(out, c)
	}
	if same != nil {
		fmt.Fprintf(out, "No change: %s.\n\n", strings.Join(same, "; "))
	}
	for _, only := range []struct {
		side  string
		names []string
	}{{"base", c.OnlyBase}, {"head", c.OnlyHead}} {
		if n := only.names; len(n) > 0 {
			var all []string
			for _, name := range n[:min(len(n), rows/2)] {
				all = append(all, markdown(shown(name)))
			}
			fmt.Fprintf(out, "Only in the %s: %s: %s", only.side, human.Count(len(n), "point"), strings.Join(all, ", "))
			if more := len(n) - len(all); more > 0 {
				fmt.Fprintf(out, " and %d more", more)
			}
			fmt.Fprint(out, "\n\n")
		}
	}
	for i, s := range []Side{c.Base, c.Head} {
		fmt.Fprintf(out, "%s: %s  \n", []string{"base", "head"}[i], markdown(s.describe()))
	}
}

// writeMarkdown writes the rows as a table.
func (s section) writeMarkdown(out io.Writer, c *Comparison) {
	fmt.Fprintf(out, "| %s | base | head | |\n| --- | ---: | ---: | --- |\n", s.title)
	for _, r := range s.rows {
		change := markdown(r.change)
		if r.worse {
			change = "**" + change + "**"
		}
		if r.note != "" {
			change += " " + markdown(r.note)
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", markdown(r.name), markdown(r.base), markdown(r.head), change)
	}
	if mean := s.mean(c); mean != "" {
		fmt.Fprintf(out, "| geometric mean | | | %s |\n", markdown(mean))
	}
	fmt.Fprintln(out)
	if left := s.left(); left != "" {
		fmt.Fprintf(out, "%s\n\n", left)
	}
}

// markdown is a text as a comment has it: printable, short, and with no meaning of its own.
func markdown(s string) string { return printable.Markdown(shortened(s, markdownText)) }

// shortened is a text of so many bytes at most, and a sign of what was cut off.
func shortened(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
