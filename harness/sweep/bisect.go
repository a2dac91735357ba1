//go:build linux

package sweep

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"oomcage/harness/outcome"
)

// Bisect finds the smallest memory.max at which the load survives, for each combination of the grid's axes, and, where
// Search.Criteria ask for something, the smallest at which they are met. It begins at Hi, and goes on at the limits to which the
// memory of the runs that survived points. In the end it has made all repeats at the answer, at the limit below it and at the one
// above. Each run has a cage of its own. The Options are those of a sweep; Shard is not looked at.
//
// The answers are in the order of the grid's points. The error is that of Search.Validate, ErrNoRoom where the machine does not spare
// as much as Hi, that of a run that could not be made, or that of a run at Hi which failed for another reason than its
// limit: then no limit is the answer. What is known by then is returned beside the error.
func Bisect(ctx context.Context, s Search, o Options) ([]*Answer, error) {
	if err := s.Validate(o.Code); err != nil {
		return nil, err
	}
	if o.Parallel < 0 {
		return nil, fmt.Errorf("the search's Parallel is %d: it must not be negative", o.Parallel)
	}
	bases, err := s.bases()
	if err != nil {
		return nil, err
	}
	runs, err := openSweeper(ctx, NewOrigin(o.Command, 0), o)
	if err != nil {
		return nil, err
	}
	answers, err := runs.bisect(ctx, s, bases)
	return answers, errors.Join(err, runs.close())
}

// Validate returns an error that says what makes no sense in the search with this code, on any machine: ErrEndless is one. Bisect
// calls it before it touches the kernel.
func (s Search) Validate(c Code) error {
	if err := s.validate(c.Step != nil); err != nil {
		return err
	}
	bases, err := s.bases()
	if err != nil {
		return err
	}
	s.defaults()
	for _, base := range bases {
		p, err := s.point(base, s.Lo, 1)
		if err != nil {
			return err
		}
		if err := p.Runnable(c).Validate(); err != nil {
			return err
		}
	}
	return nil
}

// bisect looks for all answers at once. The first error ends all.
func (s *sweeper) bisect(ctx context.Context, search Search, bases [][]Value) ([]*Answer, error) {
	room, err := s.holder.Room()
	if search.Hi == 0 { // it was what the machine spared then, and is tried first
		search.Hi = s.Results.highest()
	}
	if err == nil {
		err = search.fill(room)
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, s.Parallel)
	answers := make([]*Answer, len(bases))
	var searches sync.WaitGroup
	for i, base := range bases {
		searches.Go(func() {
			f := newFinder(search)
			err := f.find(func(wants []want) error { return s.makeRuns(ctx, f, base, wants, slots) })
			if answers[i] = f.answer(base); err != nil {
				cancel(err)
			}
		})
	}
	searches.Wait()
	if ctx.Err() != nil {
		return answers, context.Cause(ctx)
	}
	return answers, nil
}

// find makes runs until the answer is proved.
func (f *finder) find(run func([]want) error) error {
	for {
		wants := f.next()
		if f.done = wants == nil; f.done {
			return f.topFailure()
		}
		if err := run(wants); err != nil {
			return err
		}
		if err := f.topFailure(); err != nil {
			return err
		}
	}
}

// makeRuns makes those runs that are lacking, several at once, and tells the finder of them in their order: so it goes the same way
// however long each takes.
func (s *sweeper) makeRuns(ctx context.Context, f *finder, base []Value, wants []want, slots chan struct{}) error {
	var points []Point
	for _, w := range wants {
		for n := f.runs(w.max); n < w.runs; n++ {
			p, err := f.point(base, w.max, n+1)
			if err != nil {
				return err
			}
			if what := s.Code.unnamed(p); what != "" && s.Results.file != nil {
				return fmt.Errorf("the spec has a %s without a name, which cannot be told from another in results: name it", what)
			}
			points = append(points, p)
		}
	}
	outcomes := make([]*outcome.Outcome, len(points))
	errs := make([]error, len(points))
	var runs sync.WaitGroup
	for i, p := range points {
		runs.Go(func() {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			case <-ctx.Done():
				errs[i] = context.Cause(ctx)
				return
			}
			if outcomes[i], errs[i] = s.one(ctx, p); errs[i] != nil {
				errs[i] = fmt.Errorf("%s: %w", p.Name, errs[i])
			}
		})
	}
	runs.Wait()
	for i, p := range points {
		if outcomes[i] != nil {
			f.add(p.Spec.Limits.Max, outcomes[i])
		}
	}
	return errors.Join(errs...)
}
