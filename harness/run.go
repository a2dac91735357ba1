package harness

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"
)

// errTimeout is the cause of a context that ended because Spec.Timeout was up.
var errTimeout = errors.New("the run's time is up")

// timeIsUp reports whether the run's time is up, and that it was not cancelled before.
func timeIsUp(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errTimeout) }

// endOf is why ctx has ended, or nil. Where its time is up by the clock, its timer may not have fired yet on a busy machine.
func endOf(ctx context.Context) error {
	if deadline, bounded := ctx.Deadline(); bounded && !time.Now().Before(deadline) {
		<-ctx.Done()
	}
	return context.Cause(ctx)
}

// Run makes a cage, starts the target in it, waits until it is ready, applies the load,
// collects the evidence, closes the cage and judges. However the target dies, that is an
// Outcome and no error. An error says that the run could not be made: the spec is wrong, cages
// are not supported (ErrNotSupported), the target could not be started, or ctx was cancelled. Where
// only the cage could not be removed, the outcome is returned as well as the error.
func Run(ctx context.Context, s Spec) (*Outcome, error) {
	start := time.Now()
	if err := s.Validate(); err != nil {
		return nil, err
	}
	runCtx, cancel := s.begin(ctx, start)
	defer cancel()
	cage, err := NewCage(runCtx, s.Limits)
	if err != nil {
		return nil, err
	}
	defer cage.Close() // for a step or probe that panics or ends the test; otherwise closed below
	if s.Target.made, err = cage.prepare(ctx, s.Target); err != nil {
		return nil, errors.Join(err, cage.Close())
	}
	if s.Target.made != nil {
		start = time.Now()
		runCtx, cancel = s.begin(ctx, start)
		defer cancel()
	}
	o, p, err := cage.live(runCtx, s, start, true)
	if p != nil {
		cage.emptied = func() { o.Left, o.Escaped = p.left(o.Baseline), p.escaped() }
	}
	return finish(ctx, o, p, err, cage.Close())
}

// Run runs s in this cage, which stays: with several targets at once, or one after the other.
// The cage has its limits already, so s.Limits must be zero. Counters are compared, so the
// outcome is about this run alone, but memory.peak and what others of the cage hold are the cage's.
// When the run ends, so does the target with its process group; others in the cage live on. Where only that
// fails, the outcome is returned as well as the error.
func (c *Cage) Run(ctx context.Context, s Spec) (*Outcome, error) {
	if !reflect.DeepEqual(s.Limits, Limits{}) {
		return nil, fmt.Errorf("run %s in the cage %s: the spec has limits (%s), and the cage has its own already: leave Spec.Limits empty",
			s.Target.data().Name(), c.group.Path(), s.Limits)
	}
	if s.Load.UntilEmpty {
		return nil, fmt.Errorf("run %s in the cage %s: the spec's Load.UntilEmpty takes a cage of the run's own: call Run", s.Target.data().Name(), c.group.Path())
	}
	s.Limits = c.asked
	if err := s.Validate(); err != nil {
		return nil, err
	}
	var err error
	if s.Target.made, err = c.prepare(ctx, s.Target); err != nil {
		return nil, err
	}
	start := time.Now()
	runCtx, cancel := s.begin(ctx, start)
	defer cancel()
	o, p, err := c.live(runCtx, s, start, false)
	var endErr error
	if p == nil && s.Target.made != nil { // it was not started
		endErr = s.Target.made.end(context.WithoutCancel(ctx))
	}
	if p != nil {
		endErr = p.end(context.WithoutCancel(ctx))
		if c.awaitEmpty(context.WithoutCancel(ctx)) {
			o.Left = p.left(o.Baseline)
		}
		o.Escaped = p.escaped()
	}
	return finish(ctx, o, p, err, endErr)
}

// awaitEmpty waits until the kernel reports the cage empty, unless it lists a process of another target.
func (c *Cage) awaitEmpty(ctx context.Context) bool {
	pids, err := c.group.Procs()
	if err != nil || len(pids) > 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	return c.group.WaitEmpty(ctx) == nil
}

// begin has the time of a run end that began at start.
func (s *Spec) begin(ctx context.Context, start time.Time) (context.Context, context.CancelFunc) {
	if s.Timeout == 0 {
		s.Timeout = defaultTimeout
	}
	return context.WithDeadlineCause(ctx, start.Add(s.Timeout), errTimeout)
}

// finish completes an outcome when its target is gone, or says why there is none. That something is left behind
// (endErr) makes no outcome worth less.
func finish(ctx context.Context, o *Outcome, p *Process, err, endErr error) (*Outcome, error) {
	if ctx.Err() != nil {
		name := "the target"
		if p != nil {
			name = p.Name()
		}
		err = errors.Join(fmt.Errorf("run %s: %w", name, context.Cause(ctx)), err)
	}
	if err != nil {
		return nil, errors.Join(err, endErr)
	}
	o.Output = p.Output()
	o.Complete()
	leave(o.Left)
	o.Verdict, o.Why = o.Judge() // what it has left behind is known only now
	return o, endErr
}

// RunT is Run for a test. It skips the test where cages are not supported, unless
// OOMCAGE_STRICT=1, and fails it on any other error. An outcome never fails the test: assert
// on it. When the test fails, for whatever reason, it prints the outcome and how to run it again.
// The test gets the attributes verdict, acknowledged and limit_bytes, and filled_by and filled_by_bytes
// where that is known, for a second run verdict_2 and so on; with go test -artifacts the outcome is a
// line of outcome.json in the test's artifact directory, and captures are files beside it.
func RunT(tb testing.TB, s Spec) *Outcome {
	tb.Helper()
	if s.Name == "" {
		s.Name = tb.Name()
	}
	if s.Artifacts == "" && len(s.Target.Capture) > 0 && artifactsAreKept() {
		s.Artifacts = tb.ArtifactDir()
	}
	o, err := Run(tb.Context(), s)
	if o != nil {
		record(tb, o)
	}
	if err != nil {
		giveUp(tb, err)
	}
	return o
}
