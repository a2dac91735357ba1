//go:build linux

package sweep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"oomcage/harness"
)

// Search says where Bisect looks. Its zero value is of no use: Spec needs a target.
type Search struct {
	// Spec is the load that is to survive. Limits.Max is what is searched. The load must have an end: a
	// Step with a Count, or no step, so that the target ends by itself.
	Spec harness.Spec

	// Lo and Hi bound the limits that are tried. Lo 0 means Tolerance, Hi 0 what the guard leaves for one
	// cage.
	Lo, Hi harness.Bytes

	// Tolerance is how far above the smallest limit that survives the answer may lie; all limits that are
	// tried, but Lo and Hi, are multiples of it. 0 means 1 MiB.
	Tolerance harness.Bytes

	// Repeats is how many runs must survive at a limit, all of them. 0 means 3.
	Repeats int

	// ShowSecrets shows Done all values of Target.Env; without, outcomes are as Outcome.WithoutSecrets makes them.
	ShowSecrets bool

	// Done is called after each run. nil calls nothing.
	Done func(o *harness.Outcome)
}

// Trial is what was seen at one limit.
type Trial struct {
	Max      harness.Bytes      `json:"max"`
	Runs     int                `json:"runs"`
	Survived int                `json:"survived"` // of these
	Outcomes []*harness.Outcome `json:"-"`
}

// Survives reports whether all runs survived.
func (t Trial) Survives() bool { return t.Survived == t.Runs }

// String prints "142MiB: 0 of 3".
func (t Trial) String() string { return fmt.Sprintf("%v: %d of %d", t.Max, t.Survived, t.Runs) }

// Answer is what Bisect has found.
type Answer struct {
	// Max is the smallest limit that survived, to the tolerance. 0: not even Hi did.
	Max harness.Bytes `json:"max"`

	// Trials are the limits that were tried, the lowest first.
	Trials []Trial `json:"trials"`

	// Warnings say why the answer may not be the one: some runs at a limit survived and some did not, or a
	// higher limit did not survive.
	Warnings []string `json:"warnings,omitempty"`
}

// otherFailure is the first run that failed for another reason than the limit; nil where there is none.
func (t Trial) otherFailure() *harness.Outcome {
	i := slices.IndexFunc(t.Outcomes, FailedOtherwise)
	if i < 0 {
		return nil
	}
	return t.Outcomes[i]
}

// Bisect finds the smallest memory.max at which the load survives. It tries Hi, then Lo, then halves what is
// between, and in the end the limit above the answer, to see whether more memory does no harm. Each limit
// is a cage of its own for each run. It is an error when a run at Hi fails for another reason than its limit:
// then no limit is the answer.
func Bisect(ctx context.Context, s Search) (*Answer, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	holder, err := harness.NewCage(ctx, harness.Limits{})
	if err != nil {
		return nil, err
	}
	room, err := holder.Room()
	if err == nil {
		err = s.fill(room)
	}
	if err != nil {
		return nil, errors.Join(err, holder.Close())
	}
	a, err := s.bisect(func(limit harness.Bytes) (Trial, error) { return s.try(ctx, limit) })
	return a, errors.Join(err, holder.Close())
}

// Validate says what of the search makes no sense, as Bisect does before it touches the kernel.
func (s Search) Validate() error {
	s.defaults()
	at := s.Spec
	at.Limits.Max = s.Lo
	switch {
	case s.Spec.Load.Step != nil && s.Spec.Load.Count == 0:
		return errors.New("bisect: the load has no end: give it a count of steps that are to survive")
	case s.Tolerance < 0 || s.Repeats < 0:
		return fmt.Errorf("bisect: the tolerance is %v and the repeats are %d: neither may be negative", s.Tolerance, s.Repeats)
	case s.Lo < 0 || s.Hi < 0 || s.Hi != 0 && s.Lo >= s.Hi:
		return fmt.Errorf("bisect: the limits to search are %v to %v: the lower end must come first", s.Lo, s.Hi)
	}
	return at.Validate()
}

// defaults sets what is left at zero and needs no machine to be known.
func (s *Search) defaults() {
	if s.Tolerance == 0 {
		s.Tolerance = harness.MiB
	}
	if s.Repeats == 0 {
		s.Repeats = 3
	}
	if s.Lo == 0 {
		s.Lo = s.Tolerance
	}
}

// fill sets what is left at zero, and refuses what has no room.
func (s *Search) fill(room harness.Bytes) error {
	s.defaults()
	most := room - s.Spec.Limits.Swap - share
	if s.Spec.Limits.Swap == harness.Unlimited {
		most = room - share
	}
	if s.Hi == 0 {
		s.Hi = most - most%s.Tolerance
	}
	if s.Hi > most || s.Lo >= s.Hi {
		return fmt.Errorf("bisect: the limits to search are %v to %v, and %w: a cage gets at most %v here, as all cages share %v, so that the machine is safe",
			s.Lo, s.Hi, ErrNoRoom, most, room)
	}
	return nil
}

// try runs the load at one limit.
func (s *Search) try(ctx context.Context, limit harness.Bytes) (Trial, error) {
	t := Trial{Max: limit}
	for n := range s.Repeats {
		spec := s.Spec
		spec.Limits.Max = limit
		spec.Name = fmt.Sprintf("max=%v/%s=%d", limit, RepeatAxis, n+1)
		o, err := harness.Run(ctx, spec)
		if o != nil {
			if !s.ShowSecrets {
				o = o.WithoutSecrets()
			}
			t.Runs++
			if Survived(o) {
				t.Survived++
			}
			t.Outcomes = append(t.Outcomes, o)
			if s.Done != nil {
				s.Done(o)
			}
		}
		if err != nil {
			return t, fmt.Errorf("%s: %w", spec.Name, err)
		}
	}
	return t, nil
}

// bisect searches with any way to try a limit.
func (s *Search) bisect(try func(harness.Bytes) (Trial, error)) (*Answer, error) {
	a := &Answer{}
	at := func(limit harness.Bytes) (bool, error) {
		for _, t := range a.Trials {
			if t.Max == limit {
				return t.Survives(), nil
			}
		}
		t, err := try(limit)
		if err != nil {
			return false, err
		}
		a.Trials = append(a.Trials, t)
		return t.Survives(), nil
	}
	err := func() error {
		ok, err := at(s.Hi)
		if err != nil {
			return err
		}
		if !ok {
			if o := a.Trials[0].otherFailure(); o != nil {
				return fmt.Errorf("bisect: a run at the upper end, %v, failed for another reason than its limit: %s", s.Hi, Failure(o))
			}
			return nil
		}
		if ok, err = at(s.Lo); err != nil {
			return err
		}
		a.Max = s.Hi
		if ok {
			a.Max = s.Lo
		}
		// Below it nothing survives, at a.Max all does.
		for dead := s.Lo; ; {
			middle := dead + (a.Max-dead)/2
			middle -= middle % s.Tolerance
			if middle <= dead {
				middle += s.Tolerance
			}
			if middle >= a.Max {
				break
			}
			if ok, err = at(middle); err != nil {
				return err
			}
			if ok {
				a.Max = middle
			} else {
				dead = middle
			}
		}
		if above := a.Max - a.Max%s.Tolerance + s.Tolerance; above < s.Hi {
			_, err = at(above)
		}
		return err
	}()
	slices.SortFunc(a.Trials, func(x, y Trial) int { return cmp.Compare(x.Max, y.Max) })
	a.warn()
	return a, err
}

// warn looks for what a search by halves does not see.
func (a *Answer) warn() {
	for _, t := range a.Trials {
		if o := t.otherFailure(); o != nil && a.Max != 0 {
			a.Warnings = append(a.Warnings, fmt.Sprintf("at %v a run failed for another reason than its limit: %s", t.Max, Failure(o)))
		}
		if t.Survived > 0 && !t.Survives() {
			a.Warnings = append(a.Warnings, fmt.Sprintf("at %v only %d of %d runs survived: the load is not the same each time; more repeats say more", t.Max, t.Survived, t.Runs))
		}
		if a.Max != 0 && t.Max > a.Max && !t.Survives() {
			a.Warnings = append(a.Warnings, fmt.Sprintf("%v survived and %v, which is more, did not (%d of %d): there is no one smallest limit", a.Max, t.Max, t.Survived, t.Runs))
		}
	}
}
