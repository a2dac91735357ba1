package compare

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"oomcage/harness/internal/chart"
	"oomcage/harness/internal/human"
	"oomcage/harness/outcome"
)

// section is what is shown of one measure.
type section struct {
	title string
	rows  []row
	more  int // rows that there is no room for
	same  int // points that have no row, as nothing about them has changed
}

// row is a point, or a series, in a section.
type row struct {
	name       string
	base, head string
	change     string // "+5.2 % (p=0.008 n=5)", or "~ (p=0.151 n=5)"
	note       string // why
	changed    bool
	worse      bool // of what has changed
}

// changes are the sections with those rows alone that have changed.
func (c *Comparison) changes(most int) []section {
	all := c.sections(math.MaxInt)
	for i := range all {
		all[i].room(0)
		all[i].bound(most)
	}
	return all
}

// sections are what is to be shown, with at most that many rows each. Where there are more points, only those have a row that
// have changed.
func (c *Comparison) sections(most int) []section {
	all := []section{
		c.kindsSection("verdict", most, func(p *Point) (Kinds, bool) { return p.Verdict, p.worse }),
		c.limitSection(most),
	}
	for _, f := range figures {
		all = append(all, c.figureSection(f, most))
	}
	all = append(all, c.kindsSection("filled by", most, func(p *Point) (Kinds, bool) { return p.Filled, true }))
	return slices.DeleteFunc(all, func(s section) bool { return len(s.rows) == 0 && s.same == 0 })
}

// room leaves at most that many rows: all of them, or else those that have changed.
func (s *section) room(most int) {
	if len(s.rows) <= most {
		return
	}
	all := len(s.rows)
	s.rows = slices.DeleteFunc(s.rows, func(r row) bool { return !r.changed })
	s.same += all - len(s.rows)
	if most > 0 {
		s.bound(most)
	}
}

func (s *section) bound(most int) {
	if len(s.rows) > most {
		s.more = len(s.rows) - most
		s.rows = s.rows[:most]
	}
}

func (c *Comparison) kindsSection(title string, most int, of func(*Point) (Kinds, bool)) section {
	s := section{title: title}
	for _, p := range c.Points {
		k, worse := of(p)
		switch {
		case len(k.Base) == 0:
		case !k.Differ:
			s.same++
		default:
			s.rows = append(s.rows, row{
				name: shown(p.Name), base: kindsText(k.Base), head: kindsText(k.Head),
				change: verdictOn(k.Changed, "changed", k.Test), changed: k.Changed, worse: k.Changed && worse,
			})
		}
	}
	s.room(most)
	return s
}

func (c *Comparison) limitSection(most int) section {
	s := section{title: "smallest limit"}
	for _, one := range c.Series {
		r := row{name: shown(one.Name), base: limitText(one.Base), head: limitText(one.Head), changed: one.Changed, worse: one.Changed && one.Worse()}
		switch {
		case one.Base == one.Head:
			r.change = "="
		case !one.Apart:
			r.change = "~ (no limit tells the two apart: sweep both at the same limits)"
		default:
			by := "changed"
			if d := one.by(); !math.IsInf(d, 0) {
				by = signedSize(outcome.Bytes(d))
			}
			r.change = verdictOn(one.Changed, by, one.Test)
		}
		s.rows = append(s.rows, r)
	}
	s.room(most)
	return s
}

func (c *Comparison) figureSection(f figure, most int) section {
	s := section{title: f.what}
	for _, p := range c.Points {
		change := f.at(p)
		if !change.there() {
			continue
		}
		r := row{
			name: shown(p.Name), base: f.summary(change.Base), head: f.summary(change.Head), changed: change.Changed,
			change: verdictOn(change.Changed, f.difference(*change), change.Test),
			worse:  change.Changed && (change.By() > 0) == (f.worse > 0),
		}
		if change.Base == change.Head && change.Base.Lo == change.Base.Hi {
			r.change = "="
		}
		if f.name == "peak" && change.Changed {
			r.note = p.grownText()
		}
		s.rows = append(s.rows, r)
	}
	s.room(most)
	return s
}

// verdictOn prints a change and how sure it is.
func verdictOn(changed bool, what string, t Test) string {
	n := fmt.Sprintf("n=%d", t.N[0])
	if t.N[0] != t.N[1] {
		n += fmt.Sprintf("+%d", t.N[1])
	}
	if !changed {
		what = "~"
	}
	if t.P == nil {
		return fmt.Sprintf("%s (no significance, %s)", what, n)
	}
	return fmt.Sprintf("%s (p=%.3f %s)", what, *t.P, n)
}

// summary prints "60.1 MiB ± 1 %": how far the runs lie from their median at most.
func (f figure) summary(s Summary) string {
	text := f.print(s.Median)
	off := max(s.Hi-s.Median, s.Median-s.Lo)
	switch {
	case off == 0:
		return text
	case f.name == "steps":
		return fmt.Sprintf("%s ± %s", text, printCount(off))
	case s.Median == 0:
		return text
	}
	return fmt.Sprintf("%s ± %.0f %%", text, 100*off/s.Median)
}

// grownText names the kinds of memory that differ, the most grown first: "anon +3.0 MiB".
func (p *Point) grownText() string {
	var parts []string
	for _, k := range slices.SortedFunc(maps.Keys(p.Grown), func(a, b outcome.Kind) int {
		return cmp.Or(cmp.Compare(abs(p.Grown[b]), abs(p.Grown[a])), cmp.Compare(a, b))
	}) {
		parts = append(parts, string(k)+" "+signedSize(p.Grown[k]))
	}
	return strings.Join(parts, ", ")
}

func abs(b outcome.Bytes) outcome.Bytes { return max(b, -b) }

func signedSize(b outcome.Bytes) string {
	if b < 0 {
		return "-" + sizeText(-b)
	}
	return "+" + sizeText(b)
}

func sizeText(b outcome.Bytes) string { return chart.Size(b) }

// kindsText prints "survived", or "survived 3, oom-killed 2" where the repeats differ: the most frequent first.
func kindsText(n map[string]int) string {
	names := slices.SortedFunc(maps.Keys(n), func(a, b string) int { return cmp.Or(cmp.Compare(n[b], n[a]), cmp.Compare(a, b)) })
	if len(names) == 1 {
		return names[0]
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, n[name])
	}
	return strings.Join(names, ", ")
}

// summary says in a line what has changed: "6 of 12 points changed (peak 6, steps 2); 1 of 2 smallest limits moved".
func (c *Comparison) summary() string {
	n := map[string]int{}
	points := 0
	for _, p := range c.Points {
		changed := false
		count := func(name string, is bool) {
			if is {
				n[name]++
				changed = true
			}
		}
		count("verdict", p.Verdict.Changed)
		count("filled", p.Filled.Changed)
		for _, f := range figures {
			count(f.name, f.at(p).Changed)
		}
		if changed {
			points++
		}
	}
	limits := 0
	for _, s := range c.Series {
		if s.Changed {
			limits++
		}
	}
	var parts []string
	for _, name := range measures {
		if n[name] > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", name, n[name]))
		}
	}
	if len(c.Points)+len(c.Series) == 0 {
		return "there is nothing to compare"
	}
	var text []string
	if len(c.Points) > 0 {
		text = append(text, human.Part(points, len(c.Points), "point", "changed", "change"))
	}
	if parts != nil {
		text[0] += " (" + strings.Join(parts, ", ") + ")"
	}
	if len(c.Series) > 0 {
		text = append(text, human.Part(limits, len(c.Series), "smallest limit", "moved", "move"))
	}
	return strings.Join(text, "; ")
}

// means is the change of a figure over all points: the geometric mean of the heads' medians over the bases'; 0 where there is
// none.
func (c *Comparison) means(f figure) float64 {
	sum, n := 0.0, 0
	for _, p := range c.Points {
		if change := f.at(p); change.there() && change.Base.Median > 0 && change.Head.Median > 0 {
			sum += math.Log(change.Head.Median / change.Base.Median)
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return math.Exp(sum / float64(n))
}
