package harness

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"oomcage/harness/outcome"
)

// errTimeout is the cause of a context that ended because Spec.Timeout was up.
var errTimeout = errors.New("the run's time is up")

// timeIsUp reports whether the run's time is up, and that it was not cancelled before.
func timeIsUp(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errTimeout) }

// Run makes a cage, starts the target in it, waits until it is ready, applies the load,
// collects the evidence, closes the cage and judges. However the target dies, that is an
// Outcome and no error. An error says that the run could not be made: the spec is wrong, cages
// are not supported (ErrNotSupported), the target could not be started, or ctx was cancelled. Where
// only the cage could not be removed, the outcome is returned as well as the error.
func Run(ctx context.Context, s Spec) (*Outcome, error) {
	start := time.Now()
	runCtx, cancel, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	cage, err := NewCage(runCtx, s.Limits)
	if err != nil {
		return nil, err
	}
	defer cage.Close() // for a step or probe that panics or ends the test; otherwise closed below
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
			filepath.Base(s.Target.Path), c.group.Path(), s.Limits)
	}
	if s.Load.UntilEmpty {
		return nil, fmt.Errorf("run %s in the cage %s: the spec's Load.UntilEmpty takes a cage of the run's own: call Run", filepath.Base(s.Target.Path), c.group.Path())
	}
	s.Limits = c.asked
	start := time.Now()
	runCtx, cancel, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	o, p, err := c.live(runCtx, s, start, false)
	var endErr error
	if p != nil {
		endErr = p.end(context.WithoutCancel(ctx))
		if pids, err := c.group.Procs(); err == nil && len(pids) == 0 {
			o.Left = p.left(o.Baseline)
		}
		o.Escaped = p.escaped()
	}
	return finish(ctx, o, p, err, endErr)
}

// begin refuses a spec that cannot be run, and starts its time.
func (s *Spec) begin(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := s.Validate(); err != nil {
		return nil, nil, err
	}
	if s.Timeout == 0 {
		s.Timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, errTimeout)
	return ctx, cancel, nil
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

// observe runs the target and its load in the cage, up to the evidence and the verdict.
func (c *Cage) observe(ctx context.Context, s Spec, start time.Time) (*Outcome, *Process, error) {
	if err := c.refuseAnswerer(s); err != nil {
		return nil, nil, err
	}
	if err := c.takeBack(); err != nil {
		return nil, nil, fmt.Errorf("run %s: %w", s.Target.Path, c.explainGone(err))
	}
	inUse := tmpfsInUse()
	executable, _ := s.Target.Executable() // what it lacks, Start says
	log := openKernelLog()
	defer log.close()
	tl, err := newTimeline(c, start)
	if err != nil {
		return nil, nil, c.explainGone(explainDescriptors(err))
	}
	defer tl.close()
	changed, stopWatch, err := c.watch(c.eventsFile())
	if err != nil {
		return nil, nil, c.explainGone(explainDescriptors(err))
	}
	defer stopWatch()
	p, err := c.launch(ctx, s.Target)
	if err != nil {
		return nil, nil, c.explainGone(err)
	}
	if s.Load.UntilEmpty {
		following, stop := context.WithCancel(context.WithoutCancel(ctx))
		defer stop()
		p.follow(following, start)
	}
	unwound := true // a step or probe has panicked, or ended the test
	defer func() {
		if unwound {
			_ = p.end(context.WithoutCancel(ctx)) // the panic says more
		}
	}()
	p.tmpfs, p.charged = inUse, tl.before.Stat
	tl.captures = newCapturer(ctx, s, p, start)
	defer tl.captures.end()
	tl.watch(p)
	stopSampler := tl.follow(changed)
	defer stopSampler()
	tl.mover = newMover(s.Schedule, p, tl)
	defer tl.mover.end()

	o := &Outcome{Name: s.Name, Spec: s.Data(), Timeline: outcome.Timeline{}, Executable: executable, Found: found(inUse)}
	asked := &answers{p: p, asked: s.isAsked()}
	if s.Load.outages == nil {
		s.Load.outages = new(outcome.OutageLog)
	}
	load := &loader{Load: s.Load, restarts: s.Target.Restart > 0, p: p, o: o, seen: following{tl, asked}, times: &stepTimer{start: start}}
	var loadErr, baselineErr error
	ready := false
	if loadErr = awaitReady(ctx, s.Target, p); loadErr == nil {
		ready = true
		p.follows.look(p)
		o.Baseline, err = readBaseline(c.group)
		baselineErr = err
		p.ready = time.Now()
		tl.mover.begin(ctx)
		if s.Load.data().UnderWay() > 1 {
			tl.sample() // no step was under way, as some are whenever one is acknowledged: the line would begin too low
		} else {
			tl.measure()
		}
		if s.Target.Ready != nil {
			asked.lookNow()
		}
		if s.Load.Step != nil || s.Stop == nil {
			loadErr = load.apply(ctx)
		}
	}
	timedOut := ctx.Err() != nil || errors.As(loadErr, new(*notReadyInTime))
	if loadErr != nil {
		o.Error = loadErr.Error()
	}
	load.awaitDeath(ctx, loadErr)
	tl.mover.end()
	tl.captures.await()
	var stopped *outcome.Stopped
	if ready && !timedOut {
		stopped = p.askToEnd(ctx, s.Stop, start)
	}
	stopSampler()

	o.Evidence = collect(ctx, p, tl, log, timedOut)
	o.Evidence.Ready, o.Evidence.Stop = ready, stopped
	o.Evidence.TimedOut = timedOut && o.Evidence.Alive()
	if baselineErr != nil {
		o.Evidence.Unread[outcome.BaselineRead] = baselineErr.Error()
	}
	tl.complete(o, asked)
	if ready && baselineErr == nil {
		o.Window = s.window(o.Baseline, o.Evidence)
	}
	load.times.complete(o)
	o.Verdict, o.Why = o.Judge()
	o.Took = time.Since(start)
	unwound = false
	if errors.As(loadErr, new(*unheeded)) && ctx.Err() != nil && !timeIsUp(ctx) {
		return o, p, loadErr // there will be no outcome to say it
	}
	return o, p, nil
}

// following follows a load: each acknowledgement is a reading, and a look at who answered.
type following struct {
	*timeline
	asked *answers
}

func (f following) acknowledge(n int) {
	f.timeline.acknowledge(n)
	f.measure()
	f.asked.look()
}

func (f following) over() { f.asked.lookNow() }

// complete adds to the evidence with what was seen while the load went on.
func (t *timeline) complete(o *Outcome, asked *answers) {
	e := &o.Evidence
	e.Unloaded = o.Attempted > 0 && o.Acknowledged == 0
	e.LeftRunning = asked.p.leftRunning()
	if e.OtherListener = asked.other; asked.unknown != nil && asked.other == "" {
		e.Unread[outcome.ListenersOn(asked.p.Addr())] = asked.unknown.Error()
	}
	t.place(e.Events.OOMKill, time.Since(t.start), o.Attempted, o.Acknowledged)
	e.KillTimes = t.kills
	e.Captures = t.captures.results()
	e.Applied = t.mover.results()
	o.Measured = t.line.Measured(o.Baseline, t.underWay)
	o.Peak = e.Peak
	o.Timeline = append(o.Timeline, outcome.Fit(t.samples, maxTimelineText, t.limit())...)
	o.Census = t.census.taken
	if e.Fullest = outcome.Compose(*e, t.samples, o.Census); e.Fullest != nil {
		e.Fullest.Inherited = t.before.Current
		e.Fullest.SeeTmpfs(growth(asked.p.tmpfs))
	}
}
