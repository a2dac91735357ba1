package sweep

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"oomcage/harness/internal/human"
	"oomcage/harness/outcome"
)

// Search says where Bisect looks, and for what. The zero value is of no use: the grid's Spec needs a target.
type Search struct {
	// Grid is the load that is to survive. Bisect sets Limits.Max, so the grid has no axis max; each combination of the axes that
	// it has gets an answer of its own. The load must have an end: a step with a Count, or no step, so that the
	// target ends by itself. Repeat is how many runs at a limit must survive, all of them: 0 means 3.
	Grid Grid

	// Lo and Hi are the lowest and the highest memory.max that is tried. Lo 0 means Tolerance. Hi 0 means what the machine spares
	// for one cage, or the highest limit in Options.Results where these have any.
	Lo, Hi outcome.Bytes

	// Tolerance is how far the answer may lie above the smallest limit that survives. All limits that are
	// tried, but Lo and Hi, are multiples of it. 0 means 1 MiB.
	Tolerance outcome.Bytes

	// Confirm is how many runs are made at a limit where some survive and some do not, and how many must survive at the answer
	// then. 0 means five times Grid.Repeat; it is never less than Grid.Repeat.
	Confirm int

	// Criteria say what a run must meet beside survival. Where they ask for something, an Answer has Well.
	Criteria Criteria
}

// maxAxis is the axis that is searched.
const maxAxis = "max"

// validate says what of the search makes no sense on any machine. stepped is set where the load has a step which is code.
func (s Search) validate(stepped bool) error {
	s.defaults()
	stepped = stepped || s.Stepped()
	counted := s.Grid.Spec.Load.Count > 0 || slices.ContainsFunc(s.Grid.Axes, func(a Axis) bool { return a.Name == "count" })
	switch {
	case slices.ContainsFunc(s.Grid.Axes, func(a Axis) bool { return a.Name == maxAxis }):
		return errors.New("memory.max is what is searched, so it is no axis: bound it by the ends of the search")
	case slices.ContainsFunc(s.Grid.Spec.Schedule, func(c outcome.Change) bool { return c.Limit == maxAxis }):
		return errors.New("memory.max is what is searched, and the schedule changes it: leave that change out")
	case stepped && !counted:
		return ErrEndless
	case s.Tolerance < 0 || s.Grid.Repeat < 0 || s.Confirm < 0:
		return fmt.Errorf("the tolerance is %v and the repeats are %d and %d: none may be negative", s.Tolerance, s.Grid.Repeat, s.Confirm)
	case s.Lo < 0 || s.Hi < 0 || s.Hi != 0 && s.Lo >= s.Hi:
		return fmt.Errorf("the limits to search are %v to %v: the lower end must come first", s.Lo, s.Hi)
	}
	return s.Criteria.validate(stepped)
}

// defaults sets what is left at zero and needs no machine to be known.
func (s *Search) defaults() {
	s.Tolerance = cmp.Or(s.Tolerance, outcome.MiB)
	s.Grid.Repeat = cmp.Or(s.Grid.Repeat, 3)
	s.Confirm = max(cmp.Or(s.Confirm, 5*s.Grid.Repeat), s.Grid.Repeat)
	s.Lo = cmp.Or(s.Lo, s.Tolerance)
}

// Stepped reports whether Grid.Step makes steps. The steps of a Code do not count.
func (s Search) Stepped() bool { return s.Grid.Step.is() }

// fill sets what is left at zero, and refuses what has no room.
func (s *Search) fill(room outcome.Bytes) error {
	s.defaults()
	swap := s.Grid.Spec.Limits.Swap
	for _, a := range s.Grid.Axes {
		for _, text := range a.Values {
			swap = max(swap, withValues(outcome.Spec{}, a.Name+"="+text).Limits.Swap)
		}
	}
	most := room - swap - share
	if swap == outcome.Unlimited {
		most = room - share
	}
	if s.Hi == 0 {
		s.Hi = most - most%s.Tolerance
	}
	if s.Hi > most || s.Lo >= s.Hi {
		return fmt.Errorf("the limits to search are %v to %v, and %w: a cage gets at most %v here, as all cages share %v, so that the machine is safe: lower them, or give the machine more memory",
			s.Lo, s.Hi, ErrNoRoom, human.Size(most), human.Size(room))
	}
	return nil
}

// bases are the combinations of the grid's axes, each of which is answered by itself; one without values where there are none.
func (s Search) bases() ([][]Value, error) {
	g := s.Grid
	g.Repeat = 1
	return g.combinations()
}

// point is one run at a limit.
func (s Search) point(base []Value, limit outcome.Bytes, repeat int) (Point, error) {
	values := append([]Value{{maxAxis, limit.String()}}, base...)
	return s.Grid.point(append(values, Value{RepeatAxis, fmt.Sprint(repeat)}))
}

// finder looks for one answer. It is told of runs, and says which to make next.
type finder struct {
	Search

	trials []*Trial
	lives  *walk
	well   *walk // nil until the other one has come to its end, and where nothing more is asked
	done   bool  // nothing is left to run
}

func newFinder(s Search) *finder {
	return &finder{Search: s, lives: s.walk()}
}

func (s Search) walk() *walk {
	return &walk{lo: s.Lo, hi: s.Hi, tolerance: s.Tolerance, repeats: s.Grid.Repeat, confirm: s.Confirm}
}

// next is what to run next; nothing in the end.
func (f *finder) next() []want {
	if wants := f.lives.next(); wants != nil { // also where a run of the other walk has died
		return wants
	}
	if !f.Criteria.Asked() || f.lives.answer() == 0 {
		return nil
	}
	if f.well == nil {
		f.well = f.walk()
		f.well.halve, f.well.confirm = true, f.Grid.Repeat
		for _, t := range f.trials {
			for _, o := range t.Outcomes {
				f.tell(t.Max, o)
			}
		}
	}
	return f.well.next()
}

// runs is how many there have been at a limit.
func (f *finder) runs(limit outcome.Bytes) int {
	for _, t := range f.trials {
		if t.Max == limit {
			return t.Runs
		}
	}
	return 0
}

// add takes in a run.
func (f *finder) add(limit outcome.Bytes, o *outcome.Outcome) {
	i, found := slices.BinarySearchFunc(f.trials, limit, func(t *Trial, limit outcome.Bytes) int { return cmp.Compare(t.Max, limit) })
	if !found {
		f.trials = slices.Insert(f.trials, i, &Trial{Max: limit})
	}
	f.trials[i].add(o, f.Criteria)
	f.lives.add(limit, sightOf(o, f.step(), f.need()))
	if f.well != nil {
		f.tell(limit, o)
	}
}

// tell says to the second walk whether a run was well.
func (f *finder) tell(limit outcome.Bytes, o *outcome.Outcome) {
	s := sight{lives: f.Criteria.unmet(o) == ""}
	if s.lives {
		s.need = o.Peak // with its page cache: where all of it has room, nothing waits
	}
	f.well.add(limit, s)
}

// need is what was held at the lowest limit that was survived; 0 where it is not known.
func (f *finder) need() outcome.Bytes {
	for _, t := range f.trials {
		if t.Held > 0 {
			return t.Held
		}
	}
	return 0
}

// step is what a step took in the run that is known best, that of the highest limit; 0 where it is not known.
func (f *finder) step() outcome.Bytes {
	for _, t := range slices.Backward(f.trials) {
		for _, o := range t.Outcomes {
			if m := o.Measured; m != nil && Survived(o) && m.Step > m.Error {
				return m.Step
			}
		}
	}
	return 0
}

// topFailure is the error of a run at the upper end that failed for another reason than its limit, where not all survived:
// then no limit is the answer.
func (f *finder) topFailure() error {
	if len(f.trials) == 0 {
		return nil
	}
	top := f.trials[len(f.trials)-1]
	if o := top.firstThat(FailedOtherwise); o != nil && top.Max == f.Hi {
		return fmt.Errorf("a run at the upper end, %v, failed for another reason than its limit: %s", f.Hi, Failure(o))
	}
	return nil
}
