package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"oomcage/harness/outcome"
)

// observation is one life of a target in its cage, from its start to the evidence.
type observation struct {
	cage  *Cage
	spec  Spec
	start time.Time // of the run
	log   *kernelLog
	tl    *timeline
	p     *Process
	asked *answers
	load  *loader
	o     *Outcome

	ready                bool
	loadErr, baselineErr error
	stopSampler          func()
	concluded            bool     // otherwise a step or probe has panicked, or ended the test
	cleanup              []func() // the last one first
}

// observe runs the target and its load in the cage, up to the evidence and the verdict.
func (c *Cage) observe(ctx context.Context, s Spec, start time.Time) (*Outcome, *Process, error) {
	if err := c.refuseAnswerer(s); err != nil {
		return nil, nil, err
	}
	if err := c.takeBack(); err != nil {
		return nil, nil, fmt.Errorf("run %s: %w", s.Target.data().Name(), c.explainGone(err))
	}
	b := &observation{cage: c, spec: s, start: start}
	defer b.end()
	if err := b.begin(ctx); err != nil {
		return nil, nil, c.explainGone(err)
	}
	b.apply(ctx)
	b.conclude(ctx)
	if errors.As(b.loadErr, new(*unheeded)) && ctx.Err() != nil && !timeIsUp(ctx) {
		return b.o, b.p, b.loadErr // there will be no outcome to say it
	}
	return b.o, b.p, nil
}

// later has f called when the observation ends.
func (b *observation) later(f func()) { b.cleanup = append(b.cleanup, f) }

func (b *observation) end() {
	for _, f := range slices.Backward(b.cleanup) {
		f()
	}
}

// begin starts the target, and all that looks at it.
func (b *observation) begin(ctx context.Context) (err error) {
	b.cage.willHold(b.spec.Target)
	inUse := tmpfsInUse()
	executable, _ := b.spec.Target.Executable() // what it lacks, Start says
	b.log = openKernelLog()
	b.later(b.log.close)
	b.log.of(b.cage.group)
	if b.tl, err = newTimeline(b.cage, b.start); err != nil {
		return explainDescriptors(err)
	}
	b.later(b.tl.close)
	changed, stopWatch, err := b.cage.watch(b.cage.eventsFile())
	if err != nil {
		return explainDescriptors(err)
	}
	b.later(stopWatch)
	if made := b.spec.Target.made; made != nil {
		b.tl.before, b.tl.counted = made.held.before, made.held.before.Events.OOMKill
	}
	if b.p, err = b.cage.launch(ctx, b.spec.Target); err != nil {
		return err
	}
	if b.spec.Load.UntilEmpty {
		following, stop := context.WithCancel(context.WithoutCancel(ctx))
		b.later(stop)
		b.p.follow(following, b.start)
	}
	b.later(func() {
		if !b.concluded {
			_ = b.p.end(context.WithoutCancel(ctx)) // the panic says more
		}
	})
	b.p.tmpfs, b.p.charged = inUse, upTo(b.tl.before.Current, b.tl.before.Stat)
	b.tl.captures = newCapturer(ctx, b.spec, b.p, b.start)
	b.later(b.tl.captures.end)
	b.tl.watch(b.p)
	b.stopSampler = b.tl.follow(changed)
	b.later(b.stopSampler)
	b.tl.mover = newMover(b.spec.Schedule, b.p, b.tl)
	b.later(b.tl.mover.end)
	b.o = &Outcome{Name: b.spec.Name, Spec: b.spec.Data(), Timeline: outcome.Timeline{}, Executable: executable, Inherited: inherited(b.spec.Target), Found: found(inUse)}
	b.asked = &answers{p: b.p, asked: b.spec.isAsked()}
	b.load = newLoader(b.spec, b)
	return nil
}

// apply waits until the target is ready, and applies the load.
func (b *observation) apply(ctx context.Context) {
	if b.loadErr = awaitReady(ctx, b.spec.Target, b.p); b.loadErr != nil {
		return
	}
	b.ready = true
	b.p.follows.look(b.p)
	b.o.Baseline, b.baselineErr = readBaseline(b.cage.group)
	if b.spec.Target.NoTHP {
		b.o.Baseline.HugePage = 0
	}
	b.p.ready = time.Now()
	b.tl.mover.begin(ctx)
	if b.spec.Load.data().MaxInFlight() > 1 {
		b.tl.sample() // no step was under way, as some are whenever one is acknowledged: the line would begin too low
	} else {
		b.tl.measure()
	}
	if b.spec.Target.Ready != nil {
		b.asked.lookNow()
	}
	if b.spec.Load.Step != nil || b.spec.Stop == nil {
		b.loadErr = b.load.apply(ctx)
	}
}

// maxError bounds what is kept of a step's error, which may have all of a server's answer in it: it is searched for what programs
// say of memory, and is in a line of results.
const maxError = 16 << 10

// endsOf is the text without its middle where it is longer.
func endsOf(text string) string {
	out := len(text) - maxError
	if out <= 0 {
		return text
	}
	head, tail := text[:maxError/2], text[len(text)-maxError/2:]
	return fmt.Sprintf("%s[… %d bytes left out …]%s", strings.ToValidUTF8(head, ""), out, strings.ToValidUTF8(tail, ""))
}

// conclude waits for a target that is dying, asks one that lives to end, and reads the evidence.
func (b *observation) conclude(ctx context.Context) {
	timedOut := ctx.Err() != nil || errors.As(b.loadErr, new(*notReadyInTime))
	if b.loadErr != nil {
		b.o.Error = endsOf(b.loadErr.Error())
	}
	b.load.awaitDeath(ctx, b.loadErr)
	b.tl.mover.end()
	b.tl.captures.await()
	var stopped *outcome.Stopped
	if b.ready && !timedOut {
		stopped = b.p.askToEnd(ctx, b.spec.Stop, b.start)
	}
	b.stopSampler()

	o := b.o
	o.Evidence = collect(ctx, b.p, b.tl, b.log, timedOut)
	o.Evidence.Ready, o.Evidence.Stop = b.ready, stopped
	o.Evidence.TimedOut, o.Evidence.Unsent = timedOut && o.Evidence.Alive(), b.load.unsent
	if b.baselineErr != nil {
		o.Evidence.Unread[outcome.BaselineRead] = b.baselineErr.Error()
	}
	b.tl.complete(o, b.asked)
	if b.ready && b.baselineErr == nil {
		o.Predicted = b.spec.predict(o.Baseline, o.Evidence)
	}
	b.load.times.complete(o)
	o.Verdict, o.Why = o.Judge()
	o.Took = time.Since(b.start)
	b.concluded = true
}

// send, acknowledge and over follow the load: each acknowledgement is a reading, and a look at who answered.
func (b *observation) send(n, underWay int) { b.tl.send(n, underWay) }

func (b *observation) acknowledge(n int) {
	b.tl.acknowledge(n)
	b.tl.measure()
	b.asked.look()
}

func (b *observation) over() { b.asked.lookNow() }

// complete adds to the evidence with what was seen while the load went on.
func (t *timeline) complete(o *Outcome, asked *answers) {
	e := &o.Evidence
	e.Unloaded = o.Attempted > 0 && o.Acknowledged == 0
	e.LeftRunning = asked.p.leftRunning()
	if e.OtherListener = asked.other; asked.unknown != nil && asked.other == "" {
		e.Unread[outcome.ListenersOn(asked.p.Addr())] = asked.unknown.Error()
	}
	t.addKills(e.Events.OOMKill, time.Since(t.start), o.Attempted, o.Acknowledged)
	e.KillTimes = t.kills
	e.Captures = t.captures.results()
	e.Applied = t.mover.results()
	o.Measured = t.line.Measured(o.Baseline, t.underWay)
	o.Peak = e.Peak
	o.Timeline = append(o.Timeline, t.samples.Fit(maxTimelineText, t.limit())...)
	o.Census = t.census.taken
	if e.Fullest = outcome.NewComposition(*e, t.samples, o.Census); e.Fullest != nil {
		e.Fullest.Inherited = t.before.Current
		e.Fullest.AddTmpfs(growth(asked.p.tmpfs))
	}
}
