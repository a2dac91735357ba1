//go:build linux

package sweep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"oomcage/harness"
	"oomcage/harness/outcome"
)

// Options say how a sweep runs. The zero value runs as many points at once as there are CPUs, within the
// memory that the guard leaves, and keeps nothing.
type Options struct {
	// Code is the part of the points' specs that is code.
	Code Code

	// Parallel is how many points run at once, at most. 0 means runtime.GOMAXPROCS; less is an error.
	Parallel int

	// Budget bounds the memory of the points that run at once. nil means what harness.Cage.Room returns.
	Budget *Budget

	// Results keeps each outcome as soon as it is there, and has those of an earlier sweep, whose points are not run
	// again. nil keeps them in memory until the sweep ends.
	Results *Results

	// Command is the command line that started the sweep, without what differs between its shards. It goes into Origin.Command of
	// each outcome.
	Command []string

	// ShowSecrets keeps and returns outcomes as they are. Without it they are as Outcome.WithoutSecrets returns
	// them.
	ShowSecrets bool

	// Artifacts is the folder for what Target.Capture fetches; see harness.Spec. Empty: no files are kept.
	Artifacts string

	// Shard is the part of the points that is run. The zero value is all of them. Bisect does not look at it.
	Shard Shard

	// Done is called after each point, with its outcome, and whether that is of an earlier sweep; never by two goroutines at
	// once. nil: nothing is called.
	Done func(o *harness.Outcome, earlier bool)
}

// Run runs the shard's part of the points, and returns their outcomes in the order of the points; none where there are more
// shards than points. The points must be those of the whole sweep, as their number tells a report what is missing. Where
// Options.Results is a file, that has the timelines and outputs, and the outcomes that are returned have none.
//
// However a target dies is an outcome, and no error. The first point that cannot be run ends the sweep with an error that names it;
// what was kept by then stays kept. Before the first run, the error is ErrNoRoom, ErrOtherSweep or ErrRebuilt where a point has
// more memory than the budget, or other results; see Results.Earlier.
func Run(ctx context.Context, points []Point, o Options) ([]*harness.Outcome, error) {
	if len(points) == 0 {
		return nil, errors.New("the sweep has no points: Grid.Points makes them")
	}
	if o.Parallel < 0 {
		return nil, fmt.Errorf("the sweep's Parallel is %d: it must not be negative", o.Parallel)
	}
	origin := NewOrigin(o.Command, len(points))
	if points = o.Shard.Of(points); len(points) == 0 {
		return nil, nil
	}
	s, err := newSweeper(ctx, points, origin, o)
	if err != nil {
		return nil, err
	}
	outcomes, err := s.all(ctx, points)
	return outcomes, errors.Join(err, s.close())
}

// sweeper is what the points of a sweep share.
type sweeper struct {
	Options
	origin outcome.Origin
	holder *harness.Cage // keeps the run's cgroup and the guard, with its limit, in place
	mu     sync.Mutex

	executables map[string]string // the SHA-256 of each path that was run; guarded by mu
}

// newSweeper makes what these points share, if they can be run.
func newSweeper(ctx context.Context, points []Point, origin outcome.Origin, o Options) (*sweeper, error) {
	if o.Results == nil {
		o.Results = &Results{}
	}
	names := map[string]string{}
	for _, p := range points {
		kept, err := o.Results.Has(p)
		if err != nil {
			return nil, err
		}
		if what := o.Code.unnamed(p); kept && what != "" {
			return nil, fmt.Errorf("the results have the point %s, and the spec has a %s without a name, which cannot be told from another: name it, and keep the outcomes in another file",
				p.Name, what)
		}
		if err := p.Runnable(o.Code).Validate(); err != nil {
			return nil, fmt.Errorf("the point %s: %w", p.Name, err)
		}
		name := inJSON(p.Name)
		if other, ok := names[name]; ok {
			return nil, fmt.Errorf("two points have the name %q (%q and %q): results know a point by its name", name, other, p.Name)
		}
		names[name] = p.Name
	}
	s, err := openSweeper(ctx, origin, o)
	if err != nil {
		return nil, err
	}
	for _, p := range points {
		if err := s.Budget.fits(p.Spec.Schedule.Largest(p.Spec.Limits)); err != nil {
			return nil, errors.Join(fmt.Errorf("the point %s: %w", p.Name, err), s.close())
		}
	}
	return s, nil
}

// openSweeper makes a sweeper for points that come one by one.
func openSweeper(ctx context.Context, origin outcome.Origin, o Options) (*sweeper, error) {
	o.Parallel = cmp.Or(o.Parallel, runtime.GOMAXPROCS(0))
	if o.Results == nil {
		o.Results = &Results{}
	}
	s := &sweeper{Options: o, origin: origin, executables: map[string]string{}}
	var err error
	if s.holder, err = harness.NewCage(ctx, harness.Limits{}); err != nil {
		return nil, err
	}
	if s.Budget == nil {
		room, err := s.holder.Room()
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		s.Budget = NewBudget(room)
	}
	return s, nil
}

func (s *sweeper) close() error { return s.holder.Close() }

// all runs the points, Parallel at once. The first error ends those that run.
func (s *sweeper) all(ctx context.Context, points []Point) ([]*harness.Outcome, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	outcomes := make([]*harness.Outcome, len(points))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(s.Parallel, len(points)) {
		workers.Go(func() {
			for i := range next {
				o, err := s.one(ctx, points[i])
				outcomes[i] = s.summary(o)
				if err != nil {
					cancel(fmt.Errorf("the point %s: %w", points[i].Name, err))
				}
			}
		})
	}
feed:
	for i := range points {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	workers.Wait()
	if ctx.Err() != nil {
		return outcomes, context.Cause(ctx)
	}
	return outcomes, nil
}

// one runs a point, unless an earlier sweep has.
func (s *sweeper) one(ctx context.Context, p Point) (*harness.Outcome, error) {
	o, err := s.Results.Earlier(p)
	if err != nil {
		return nil, err
	}
	if o != nil {
		s.tell(o, true)
		return o, nil
	}
	release, err := s.Budget.Acquire(ctx, p.Spec.Schedule.Largest(p.Spec.Limits))
	if err != nil {
		return nil, err
	}
	spec := p.Runnable(s.Code)
	spec.Artifacts = s.Artifacts
	o, err = harness.Run(ctx, spec)
	release()
	if o == nil {
		return nil, err
	}
	o.Origin = s.origin
	if !s.ShowSecrets {
		o = o.WithoutSecrets()
	}
	if same := s.sameExecutable(o); same != nil {
		return nil, errors.Join(same, err)
	}
	if kept := s.Results.Append(o); kept != nil {
		return nil, errors.Join(kept, err)
	}
	s.tell(o, false)
	return o, err // the cage could not be removed
}

// summary is what Run returns of an outcome: where it is kept in a file, no more than is small, so that a sweep of any
// length has room.
func (s *sweeper) summary(o *harness.Outcome) *harness.Outcome {
	if o == nil || s.Results.file == nil {
		return o
	}
	small := *o // Done may have kept the other
	small.Timeline, small.Output = []outcome.Sample{}, ""
	return &small
}

// sameExecutable refuses an outcome of another executable than the others' of its path: it was rebuilt while the sweep ran.
func (s *sweeper) sameExecutable(o *harness.Outcome) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	path, sum := cmp.Or(o.Spec.Target.Image, o.Spec.Target.Path), o.Executable.SHA256
	if sum == "" { // it was not there when it was looked for, as while it is being built
		return nil
	}
	if first := s.executables[path]; first != "" && sum != first && !s.Results.Rebuilt {
		return fmt.Errorf("%s: %w while the sweep ran: its SHA-256 was %s, and is %s; put the first one back and go on", path, ErrRebuilt, first, sum)
	}
	s.executables[path] = sum
	return nil
}

func (s *sweeper) tell(o *harness.Outcome, earlier bool) {
	if s.Done == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Done(o, earlier)
}
