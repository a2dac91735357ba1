package compare

import (
	"cmp"
	"math"
	"slices"

	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// Comparison is what two files of results say of each other. As JSON, sizes are bytes and times are nanoseconds.
type Comparison struct {
	Base     Side      `json:"base"`
	Head     Side      `json:"head"`
	Series   []*Series `json:"series"` // the smallest limits, by series
	Points   []*Point  `json:"points"` // those in both files, in the order of sweep.Sort
	OnlyBase []string  `json:"only_base,omitempty"`
	OnlyHead []string  `json:"only_head,omitempty"`
	Notes    []string  `json:"notes,omitempty"`    // what the reader should know before the figures
	Failures []Failure `json:"failures,omitempty"` // see Comparison.Check

	base, head *Results
}

// Side is where the results of one side are from.
type Side struct {
	File   string         `json:"file"`
	Points int            `json:"points"`
	Runs   int            `json:"runs"`
	Origin outcome.Origin `json:"origin,omitzero"`
}

// Point is a point that both files have. Where one of them does not tell a figure, the change of it has no runs.
type Point struct {
	Name    string `json:"name"`
	Verdict Kinds  `json:"verdict"`
	Filled  Kinds  `json:"filled,omitzero"`  // the kind of memory that the cage was filled with most
	Peak    Change `json:"peak,omitzero"`    // bytes
	Steps   Change `json:"steps,omitzero"`   // that were acknowledged
	Latency Change `json:"latency,omitzero"` // nanoseconds: p95 of a run's steps

	// Grown is the median of each kind of memory in the head less that in the base, in bytes, when the cage was fullest.
	Grown map[outcome.Kind]outcome.Bytes `json:"grown,omitempty"`

	worse bool // the verdict
}

// Change is a figure of both sides.
type Change struct {
	Base    Summary `json:"base"`
	Head    Summary `json:"head"`
	Changed bool    `json:"changed"` // beyond noise
	Test    Test    `json:"test"`
}

// Summary is the median of a figure, and the range of it.
type Summary struct {
	Median float64 `json:"median"`
	Lo     float64 `json:"lo"`
	Hi     float64 `json:"hi"`
}

// Kinds is what the runs of both sides were, where that has no number, and how many of each there were.
type Kinds struct {
	Base    map[string]int `json:"base"`
	Head    map[string]int `json:"head"`
	Differ  bool           `json:"differ"`  // be it by chance
	Changed bool           `json:"changed"` // beyond noise
	Test    Test           `json:"test"`
}

// By is the difference of the medians.
func (c Change) By() float64 { return c.Head.Median - c.Base.Median }

// Share is the difference as a share of the base; infinite where that is 0.
func (c Change) Share() float64 {
	if c.By() == 0 {
		return 0
	}
	return c.By() / c.Base.Median
}

// there reports whether both sides have the figure.
func (c Change) there() bool { return c.Test.N[0] > 0 && c.Test.N[1] > 0 }

// Compare compares two files of results.
func Compare(base, head *Results) *Comparison {
	c := &Comparison{Base: base.side(), Head: head.side(), base: base, head: head}
	for _, name := range base.order {
		if head.points[name] == nil {
			c.OnlyBase = append(c.OnlyBase, name)
			continue
		}
		c.Points = append(c.Points, &Point{Name: name})
	}
	for _, name := range head.order {
		if base.points[name] == nil {
			c.OnlyHead = append(c.OnlyHead, name)
		}
	}
	itself := func(name string) string { return name }
	sweep.SortBy(c.OnlyBase, itself)
	sweep.SortBy(c.OnlyHead, itself)
	sweep.SortBy(c.Points, func(p *Point) string { return p.Name })
	for _, m := range figures {
		m.compare(c.Points, base, head)
	}
	compareKinds(c.Points, base, head, func(p *Point) *Kinds { return &p.Verdict }, func(r run) string { return r.ending })
	compareKinds(c.Points, base, head, func(p *Point) *Kinds { return &p.Filled }, func(r run) string { return string(r.filled) })
	for _, p := range c.Points {
		b, h := base.points[p.Name], head.points[p.Name]
		p.worse = b.survives() >= h.survives()
		p.grow(b, h)
	}
	c.Series = compareLimits(base, head)
	c.Notes = c.notes()
	return c
}

func (r *Results) side() Side {
	return Side{File: r.File, Points: len(r.order), Runs: r.Runs, Origin: r.Origin}
}

// compare fills in the change of each point.
func (f figure) compare(points []*Point, base, head *Results) {
	tests := make([]*test, len(points))
	for i, p := range points {
		t := &test{base: base.points[p.Name].values(f.of), head: head.points[p.Name].values(f.of)}
		if both := slices.Sorted(slices.Values(slices.Concat(t.base, t.head))); len(both) > 0 {
			t.floor = f.floor(median(both))
		}
		tests[i] = t
	}
	judge(tests)
	for i, p := range points {
		t := tests[i]
		if c := f.at(p); len(t.base) > 0 && len(t.head) > 0 {
			*c = Change{Base: summary(t.base), Head: summary(t.head), Changed: t.changed, Test: t.result()}
		}
	}
}

func summary(sorted []float64) Summary {
	return Summary{Median: median(sorted), Lo: sorted[0], Hi: sorted[len(sorted)-1]}
}

// compareKinds fills in what has no number: the test is of how many runs are of the kind that most of the base are.
func compareKinds(points []*Point, base, head *Results, at func(*Point) *Kinds, of func(run) string) {
	tests := make([]*test, len(points))
	for i, p := range points {
		k := at(p)
		k.Base, k.Head = counts(base.points[p.Name].runs, of), counts(head.points[p.Name].runs, of)
		if len(k.Base) == 0 || len(k.Head) == 0 {
			*k = Kinds{}
		}
		most := commonest(k.Base)
		one := table{shareOf(k.Base, most), shareOf(k.Head, most)}
		tests[i] = &test{base: one.base.values(), head: one.head.values(), few: []table{one}, many: []table{one}}
		k.Differ = len(k.Base) > 0 && (len(k.Base) > 1 || len(k.Head) > 1 || k.Head[most] == 0)
	}
	judge(tests)
	for i, p := range points {
		at(p).Changed, at(p).Test = tests[i].changed, tests[i].result()
	}
}

func counts(runs []run, of func(run) string) map[string]int {
	n := map[string]int{}
	for _, r := range runs {
		if kind := of(r); kind != "" {
			n[kind]++
		}
	}
	return n
}

// commonest is the kind that most are of; of two, the first in the alphabet.
func commonest(n map[string]int) (most string) {
	for kind, count := range n {
		if c := cmp.Compare(count, n[most]); c > 0 || c == 0 && kind < most {
			most = kind
		}
	}
	return most
}

// shareOf is how many are of the kind.
func shareOf(n map[string]int, kind string) (s share) {
	for k, count := range n {
		s.runs += count
		if k == kind {
			s.such += count
		}
	}
	return s
}

// grow tells by which kinds of memory the cage's fullest moments differ.
func (p *Point) grow(base, head *point) {
	if p.Filled.Base == nil {
		return
	}
	for i, k := range outcome.Kinds() {
		of := func(r run) (float64, bool) { return float64(r.kinds[i]), r.filled != "" }
		b, h := base.values(of), head.values(of)
		slices.Sort(b)
		slices.Sort(h)
		if by := median(h) - median(b); math.Abs(by) >= peakFloor {
			if p.Grown == nil {
				p.Grown = map[outcome.Kind]outcome.Bytes{}
			}
			p.Grown[k] = outcome.Bytes(by)
		}
	}
}
