package compare

import (
	"math"
	"slices"

	"oomcage/harness/outcome"
)

// Series is the points that differ in memory.max alone, and the smallest of these limits that was survived: all runs at it and
// at each higher one did.
type Series struct {
	Name string        `json:"name"` // "" where there is no other axis
	Base outcome.Bytes `json:"base"` // 0: not even the highest limit was survived
	Head outcome.Bytes `json:"head"`

	// Apart is set where some limit tells the two sides apart: one that both have tried, or two between the answers that one side each
	// has tried alone, which are then put together, at which some of the runs were survived, and some not. Without, the two are the
	// same as far as the limits that were tried can tell.
	Apart   bool `json:"apart"`
	Changed bool `json:"changed"` // beyond noise
	Test    Test `json:"test"`

	test test
}

// Test is how sure a change is.
type Test struct {
	P *float64 `json:"p"` // of a Mann-Whitney U test or, of what has no number, of an exact test; null where there are too few runs for any to be significant
	Q *float64 `json:"q"` // corrected for all points whose values differ at all
	N [2]int   `json:"n"` // runs of the base and of the head
}

// tried is what was seen at one limit.
type tried struct {
	max outcome.Bytes
	share
}

// ladder is the limits that were tried in a series.
func ladder(points []*point) (all []tried) {
	for _, p := range points {
		all = append(all, tried{p.limit(), p.share()})
	}
	return all
}

// smallest is the smallest limit that was survived; 0 for none.
func smallest(ladder []tried) (found outcome.Bytes) {
	for _, t := range slices.Backward(ladder) {
		if t.such < t.runs {
			break
		}
		found = t.max
	}
	return found
}

// compareLimits compares the smallest limits of the series that both have, where either has tried more than one.
func compareLimits(base, head *Results) []*Series {
	before, names := base.rungs()
	after, _ := head.rungs()
	var all []*Series
	var tests []*test
	for _, name := range names {
		b, h := ladder(before[name]), ladder(after[name])
		if h == nil || len(b) < 2 && len(h) < 2 {
			continue
		}
		s := &Series{Name: name, Base: smallest(b), Head: smallest(h)}
		s.weigh(b, h)
		all = append(all, s)
		if s.Apart {
			tests = append(tests, &s.test)
		}
	}
	judge(tests)
	for _, s := range all {
		s.Changed = s.moved()
		if s.Apart {
			s.Test = s.test.result()
		}
	}
	return all
}

// weigh makes the test: of all limits that both have tried, and, between the two answers, of those that one of them has tried alone.
// It has the tables of the direction that the answers moved in alone: those of the other are no sign of this change.
func (s *Series) weigh(base, head []tried) {
	if s.Base == s.Head {
		return
	}
	from, to := s.Base, s.Head
	if to != 0 && (from == 0 || from > to) {
		from, to = to, from
	}
	shared, base, head := split(base, head)
	between := func(t tried) bool { return t.max >= from && (to == 0 || t.max < to) }
	base, head = slices.DeleteFunc(base, func(t tried) bool { return !between(t) }), slices.DeleteFunc(head, func(t tried) bool { return !between(t) })
	few, many := slices.Clone(shared), shared
	for _, p := range pairs(base, head) {
		few = append(few, table{p[0].share, p[1].share})
	}
	for _, p := range pairs(head, base) {
		many = append(many, table{p[1].share, p[0].share})
	}
	s.test = test{few: telling(few)}
	if !s.Worse() {
		s.test = test{many: telling(many)}
	}
	for _, t := range s.tables() {
		s.test.base = append(s.test.base, t.base.values()...)
		s.test.head = append(s.test.head, t.head.values()...)
	}
	s.Apart = len(s.tables()) > 0
}

// tables are those that can tell that it has changed as the answers have.
func (s *Series) tables() []table {
	if s.Worse() {
		return s.test.few
	}
	return s.test.many
}

// moved reports whether the test shows a change, and in the direction of the answers: where they are luck, others may tell of the
// opposite.
func (s *Series) moved() bool {
	few, many := tails(s.tables())
	if s.Worse() {
		return s.test.changed && few < many
	}
	return s.test.changed && many < few
}

// split takes apart what both have tried.
func split(base, head []tried) (shared []table, restBase, restHead []tried) {
	for _, b := range base {
		at := func(h tried) bool { return h.max == b.max }
		if i := slices.IndexFunc(head, at); i >= 0 {
			shared = append(shared, table{b.share, head[i].share})
		} else {
			restBase = append(restBase, b)
		}
	}
	for _, h := range head {
		if !slices.ContainsFunc(base, func(b tried) bool { return b.max == h.max }) {
			restHead = append(restHead, h)
		}
	}
	return shared, restBase, restHead
}

// pairs puts to each of those at higher limits the nearest of the lower ones, each once. More memory does no harm; so that, of two
// builds that are the same, the one at the higher limit does not survive less often. What the pairs tell of it is no weaker for that.
func pairs(lower, higher []tried) (all [][2]tried) {
	var below []tried
	for _, h := range higher {
		for len(lower) > 0 && lower[0].max < h.max {
			below, lower = append(below, lower[0]), lower[1:]
		}
		if n := len(below); n > 0 {
			all, below = append(all, [2]tried{below[n-1], h}), below[:n-1]
		}
	}
	return all
}

// Worse reports whether more memory is needed.
func (s *Series) Worse() bool { return s.Base != 0 && (s.Head == 0 || s.Head > s.Base) }

// result is what is said of a test.
func (t *test) result() Test {
	r := Test{N: [2]int{len(t.base), len(t.head)}}
	if !math.IsNaN(t.p) {
		p, q := t.p, t.q
		r.P, r.Q = &p, &q
	}
	return r
}
