package programs

import (
	"fmt"
	"strings"
	"testing"

	"oomcage/harness/outcome"
)

const intro = `# Programs that nobody here wrote

What ` + "`oomcage run`" + ` says of programs from Debian's packages (Node.js: as it was there), where the right answer is known from elsewhere. Made by
` + "`make programs`" + `, which runs each case again, in a microVM for each heading, and fails where the verdict, the sentence, what the
program printed or the number of steps is another than expected. The sentences and figures below are from one such run. What a shell
does before each case is beside it, in .ci/tools/programs.
`

// render writes the page.
func render(all map[string]record) string {
	var b strings.Builder
	b.WriteString(intro)
	b.WriteString("\n| case | limit | expected | verdict | steps | predicted | peak | time |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, g := range groups {
		for _, c := range g.cases {
			r := all[g.name+"/"+c.name]
			steps, predicted := "", ""
			if r.Attempted > 0 {
				steps = fmt.Sprintf("%d of %d", r.Acknowledged, r.Attempted)
			}
			if r.Predicted != nil {
				predicted = r.Predicted.String()
			}
			fmt.Fprintf(&b, "| [%s/%s](#%[1]s%[2]s) | %[3]s | %[4]s | %[5]s | %[6]s | %[7]s | %[8]s | %.1[9]f s |\n", g.name, c.name, mebibytes(r.Max), c.expected(), r.Verdict, steps, predicted,
				mebibytes(r.Peak), r.Took.Seconds())
		}
	}
	for _, g := range groups {
		first := all[g.name+"/"+g.cases[0].name]
		fmt.Fprintf(&b, "\n## %s\n\n%s. Linux %s. In front of each command stands, for the microVM:\n\n```sh\noomcage vm -mem 2GiB -scratch 2GiB %s --\n```\n",
			g.title, first.About, first.Kernel, g.adds())
		for _, c := range g.cases {
			r := all[g.name+"/"+c.name]
			fmt.Fprintf(&b, "\n### %s/%s\n\n%s\n\n", g.name, c.name, c.shows)
			if c.note != "" {
				fmt.Fprintf(&b, "The emulated processor is too slow for more: %s.\n\n", c.note)
			}
			fmt.Fprintf(&b, "```sh\noomcage run %s\n```\n\n> %s: %s\n", c.run, r.Verdict, quoted(r.Why))
			for i, o := range r.Outages {
				if i < 3 {
					fmt.Fprintf(&b, ">\n> outage: %s\n", quoted(o.String()))
				}
			}
		}
	}
	return b.String()
}

// adds are the flags for what goes along, folded, as a shell reads them.
func (g group) adds() string {
	var b strings.Builder
	for i, what := range g.add {
		if strings.ContainsRune(what, '$') {
			what = fmt.Sprintf("%q", what)
		}
		if i > 0 && i%4 == 0 {
			b.WriteString(" \\\n   ")
		}
		fmt.Fprintf(&b, " -add %s", what)
	}
	return strings.TrimSpace(b.String())
}

// expected is what the flags say of the end.
func (c testCase) expected() string {
	words := strings.Fields(c.run)
	var said []string
	for i, word := range words[:len(words)-1] {
		switch word {
		case "--expect":
			said = append(said, strings.ReplaceAll(words[i+1], ",", " or "))
		case "--acked":
			said = append(said, words[i+1]+" steps")
		}
	}
	if c.note != "" {
		said = append(said, "with a smaller load (below)")
	}
	return strings.Join(said, ", ")
}

func mebibytes(b outcome.Bytes) string { return fmt.Sprintf("%.1f MiB", float64(b)/(1<<20)) }

// quoted is a text for Markdown, in lines of about 120 bytes of a quotation.
func quoted(text string) string {
	text = strings.NewReplacer("<", "&lt;", "*", `\*`, "_", `\_`, "`", "'", "[", `\[`).Replace(text)
	var b strings.Builder
	line := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case line+len(word) > 116:
			b.WriteString("\n> ")
			line = 0
		default:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += len(word)
	}
	return b.String()
}

// The names of cases are those of folders and of the page's headings.
func TestNamesAreDifferent(t *testing.T) {
	seen := make(map[string]bool)
	for _, g := range groups {
		for _, c := range g.cases {
			if name := g.name + "/" + c.name; seen[name] || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz-/") != "" || c.shows == "" || c.says == "" {
				t.Errorf("%s is there twice, or is no name of a folder, or it says not what is expected", name)
			} else {
				seen[name] = true
			}
		}
	}
	if len(seen) < 30 {
		t.Errorf("there are %d cases", len(seen))
	}
}
