package compare

import (
	"cmp"
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

	// Apart tells that a limit was tried which the one side survived and the other did not; without, the two are the same as
	// far as the limits that were tried can tell.
	Apart   bool `json:"apart"`
	Changed bool `json:"changed"` // beyond noise
	Test    Test `json:"test"`

	test test
}

// Test is how sure a change is.
type Test struct {
	P *float64 `json:"p"` // of a Mann-Whitney U test; null where there are too few runs for any to be significant
	Q *float64 `json:"q"` // corrected for all points whose values differ at all
	N [2]int   `json:"n"` // runs of the base and of the head
}

// tried is what was seen at one limit.
type tried struct {
	max            outcome.Bytes
	runs, survived int
}

// ladders are the limits that were tried in each series, the lowest first.
func (r *Results) ladders() (ladders map[string][]tried, names []string) {
	ladders = map[string][]tried{}
	for _, name := range r.order {
		p := r.points[name]
		if p.limit() == 0 {
			continue
		}
		if ladders[p.series] == nil {
			names = append(names, p.series)
		}
		at := tried{max: p.limit(), runs: len(p.runs)}
		for _, one := range p.runs {
			if one.survived {
				at.survived++
			}
		}
		ladders[p.series] = append(ladders[p.series], at)
	}
	for _, l := range ladders {
		slices.SortFunc(l, func(a, b tried) int { return cmp.Compare(a.max, b.max) })
	}
	return ladders, names
}

// smallest is the smallest limit that was survived; 0 for none.
func smallest(ladder []tried) (found outcome.Bytes) {
	for _, t := range slices.Backward(ladder) {
		if t.survived < t.runs {
			break
		}
		found = t.max
	}
	return found
}

// compareLimits compares the smallest limits of the series that both have, where either has tried more than one.
func compareLimits(base, head *Results) []*Series {
	before, names := base.ladders()
	after, _ := head.ladders()
	var all []*Series
	var tests []*test
	for _, name := range names {
		b, h := before[name], after[name]
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
		s.Changed = s.test.changed
		if s.Apart {
			s.Test = s.test.result()
		}
	}
	return all
}

// weigh makes the test: of the limits from the smaller answer up to below the larger one, all of which the one side survives,
// whether the other does. Where more memory does no harm, that is one question, whatever limits each side has tried.
func (s *Series) weigh(base, head []tried) {
	if s.Base == s.Head {
		return
	}
	from, to := s.Base, s.Head
	if to != 0 && (from == 0 || from > to) {
		from, to = to, from
	}
	in := func(ladder []tried) (values []float64) {
		for _, t := range ladder {
			if t.max < from || to != 0 && t.max >= to {
				continue
			}
			for i := range t.runs {
				values = append(values, map[bool]float64{true: 1}[i < t.survived])
			}
		}
		return values
	}
	s.test = test{base: in(base), head: in(head)}
	s.Apart = len(s.test.base) > 0 && len(s.test.head) > 0
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
