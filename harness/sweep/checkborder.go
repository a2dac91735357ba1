package sweep

import (
	"math"
	"slices"

	"oomcage/harness/outcome"
)

// span is the border that a search has found: from the highest limit that no run survived, below all that one did, up to the lowest
// from which on all did. Between them a run survives by chance, as Bisect has said: there, runs that differ are no finding.
type span struct {
	lo, hi outcome.Bytes
	mixed  map[outcome.Bytes]bool // limits that some runs survived, and some not, for want of memory
}

// holds reports whether the limit of an outcome lies there.
func (s *span) holds(o *outcome.Outcome) bool {
	l := o.Evidence.Limits.Max
	return s != nil && s.lo <= l && l <= s.hi
}

// divides reports whether some survive at the limit of an outcome, and some do not.
func (s *span) divides(o *outcome.Outcome) bool { return s != nil && s.mixed[o.Evidence.Limits.Max] }

// searched reports whether an outcome is one of a search: a sweep says how many points it has, and a search cannot know.
func searched(o *outcome.Outcome) bool { return o.Origin.Points == 0 && !o.Origin.Start.IsZero() }

// border is that of a search; nil where the runs at each limit agree, and for a sweep, which has told nobody.
func (g group) border() *span {
	s := &span{mixed: map[outcome.Bytes]bool{}}
	points := g.limited()
	if !slices.ContainsFunc(points, searched) || slices.ContainsFunc(points, func(o *outcome.Outcome) bool { return !searched(o) }) {
		return nil
	}
	starts := blocks(points)
	lowest := outcome.Bytes(math.MaxInt64)
	for b := range len(starts) - 1 {
		at := points[starts[b]:starts[b+1]]
		lived := slices.ContainsFunc(at, Survived)
		if lived {
			lowest = min(lowest, at[0].Evidence.Limits.Max)
		}
		if lived && slices.ContainsFunc(at, forMemory) && !slices.ContainsFunc(at, FailedOtherwise) {
			s.mixed[at[0].Evidence.Limits.Max] = true
		}
	}
	if len(s.mixed) == 0 {
		return nil
	}
	for b := range len(starts) - 1 {
		at := points[starts[b]:starts[b+1]]
		switch l := at[0].Evidence.Limits.Max; {
		case l < lowest:
			s.lo = l
		case slices.ContainsFunc(at, func(o *outcome.Outcome) bool { return !Survived(o) }):
			s.hi = 0
		case s.hi == 0:
			s.hi = l
		}
	}
	if s.hi == 0 { // not even the highest limit is survived by all
		s.hi = math.MaxInt64
	}
	return s
}

// borders are those of all searches, by their outcomes.
func borders(outcomes []*outcome.Outcome) map[*outcome.Outcome]*span {
	all := map[*outcome.Outcome]*span{}
	for _, g := range groups(outcomes, RepeatAxis, maxAxis) {
		if s := g.border(); s != nil {
			for _, o := range g.outcomes {
				all[o] = s
			}
		}
	}
	return all
}
