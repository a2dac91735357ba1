package harness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/patience"
	"oomcage/harness/outcome"
)

const (
	// failurePause is how long after a failed step the next one waits, where the load goes on: a target that starts again
	// needs that time, and steps that are refused at once would be used up.
	failurePause = 10 * time.Millisecond
	// drainGrace is how long, after the step that ended the load, others that are under way may still be answered.
	drainGrace = 5 * time.Second
)

// errLoadEnded is the cause for which steps are given up that had no answer when the load had ended.
var errLoadEnded = errors.New("the load had ended")

// loader sends the steps of a load, each only once, and counts what becomes of them. Steps run on goroutines of their own;
// all else is done by the one that calls apply.
type loader struct {
	Load
	p     *Process
	o     *Outcome
	seen  progress
	times *stepTimer

	restarts bool // the target is started again when it has died
	ended    chan stepEnd
	underWay map[int]sentStep
	begun    time.Time // when the first was
	resume   time.Time // when to go on after a failed step

	failed     error         // that ended the load
	unanswered error         // of the last step that failed without an answer; nil when one has worked since
	failedAt   time.Duration // when that was known
	unknown    int           // how many such steps there are
	unsent     string        // why the harness could not send a step, which ended the load
}

// progress is told how a load gets on: the run's timeline, and who answers.
type progress interface {
	send(n, underWay int)         // step n is sent, as one of so many under way
	acknowledge(acknowledged int) // so many steps are acknowledged
	over()                        // no more steps are sent
}

// sentStep is when a step was to be sent, and when it was.
type sentStep struct{ due, at time.Time }

// stepEnd is how a step has ended, and when.
type stepEnd struct {
	n  int
	at time.Time
	callEnd
}

// newLoader is for one life of a target.
func newLoader(s Spec, b *observation) *loader {
	if s.Load.outages == nil {
		s.Load.outages = new(outcome.OutageLog)
	}
	return &loader{Load: s.Load, restarts: s.Target.Restart > 0, p: b.p, o: b.o, seen: b, times: &stepTimer{start: b.start}}
}

// apply sends the steps until one fails that is not tolerated, the target ends or ctx does. Without a step it waits for the
// target to end. Its error is that of the step that ended the load.
func (l *loader) apply(ctx context.Context) error {
	if l.Step == nil {
		return l.p.awaitOver(ctx)
	}
	running, stop := whileTargetRuns(ctx, l.p)
	defer stop()
	stepCtx, giveUp := context.WithCancelCause(running)
	defer giveUp(nil)
	defer l.seen.over()
	limit := l.data().MaxInFlight()
	l.ended = make(chan stepEnd, limit) // nobody may wait for a step that is left behind
	l.underWay = map[int]sentStep{}
	l.begun = time.Now()
	wake := time.NewTimer(0)
	defer wake.Stop()
	targetEnded, gone, over := l.p.over(), l.p.gone, stepCtx.Done()
	draining := false
	var unheeding <-chan struct{}
	for {
		switch next, more := l.next(ctx); {
		case !more && len(l.underWay) == 0:
			if l.p.isGone() {
				awaitEndOf(ctx, l.p, endTimeout) // how it ended is said later
			}
			return l.failed
		case !more && l.failed != nil && !draining:
			draining = true
			defer patience.AfterFunc(drainGrace, func() { giveUp(errLoadEnded) }).End()
		case more && len(l.underWay) < limit:
			if wait := time.Until(next); wait > 0 {
				wake.Reset(wait)
			} else {
				l.send(stepCtx, next)
				continue
			}
		}
		select {
		case e := <-l.ended:
			l.take(e)
		case <-wake.C:
		case <-targetEnded:
			targetEnded = nil
		case <-gone:
			gone = nil
		case <-over:
			grace := patience.New(heedGrace)
			defer grace.End()
			over, unheeding = nil, grace.Over
		case <-unheeding:
			left := l.leaveBehind(context.Cause(stepCtx))
			if l.failed != nil {
				return fmt.Errorf("%w; %w", l.failed, left)
			}
			return left
		}
	}
}

// next is when the next step is to be sent, if there is one more.
func (l *loader) next(ctx context.Context) (at time.Time, more bool) {
	if l.failed != nil || l.Count != 0 && l.sent+l.o.Attempted >= l.Count || l.p.isOver() || l.p.isGone() || ctx.Err() != nil {
		return time.Time{}, false
	}
	if l.Rate > 0 {
		return l.begun.Add(time.Duration(float64(l.o.Attempted) / l.Rate * float64(time.Second))), true
	}
	return l.resume, true
}

// send sends the next step, which was to be sent at that time.
func (l *loader) send(ctx context.Context, due time.Time) {
	n := l.o.Attempted + 1
	l.o.Attempted = n
	l.seen.send(n, len(l.underWay)+1)
	s := sentStep{at: time.Now()}
	s.due = s.at
	if l.Rate > 0 {
		s.due = due
	}
	l.underWay[n] = s
	go l.step(ctx, n)
}

// step makes step n, and tells when it had ended: before anybody was told of it.
func (l *loader) step(ctx context.Context, n int) {
	var at time.Time
	call(func() error {
		err := withCause(ctx, l.Step(ctx, l.p, l.sent+n))
		at = time.Now()
		if l.Observe != nil {
			l.Observe(l.p, l.sent+n, err)
		}
		return err
	}, func(e callEnd) {
		if at.IsZero() { // it has not returned
			at = time.Now()
		}
		l.ended <- stepEnd{n, at, e}
	})
}

// withCause adds to an error that says no more than that a context has ended, as libraries return it, why it has.
func withCause(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if cause == nil || errors.Is(err, cause) || !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// take takes in how a step has ended. A panic of it, or the end of its test, happen here.
func (l *loader) take(e stepEnd) {
	sent := l.underWay[e.n]
	delete(l.underWay, e.n)
	if e.err != nil && l.refuseUnsent(e.err) {
		return
	}
	s := l.times.add(e.n, sent.due, e.at, e.err)
	s.Begin, s.Took = sent.at.Sub(l.times.start), e.at.Sub(sent.at) // outages are not the load's own delay
	if err := e.pass(); err != nil {
		l.fail(s, err)
		return
	}
	l.o.Acknowledged++
	if s.Begin >= l.failedAt { // it was sent afterwards: a target that dies may have answered others before
		l.unanswered, l.unknown = nil, 0
	}
	s.N += l.sent
	l.outages.Acknowledge(s)
	l.seen.acknowledge(l.o.Acknowledged)
}

// refuseUnsent ends the load for a step that the harness had no means to send, and counts it for none: the target was not asked.
func (l *loader) refuseUnsent(err error) bool {
	why := wantOf(err)
	if why == "" {
		return false
	}
	l.o.Attempted--
	if l.unsent == "" {
		l.unsent = why
	}
	if l.failed == nil {
		l.failed = fmt.Errorf("a step could not be sent: %s", why)
	}
	return true
}

// wantOf says of a step's error what this process lacked to send it, and what helps, or is "". No target can cause these errors:
// they are of socket(2), pipe(2) and open(2), and of connect(2) before a packet is sent.
func wantOf(err error) string {
	switch {
	case errors.Is(err, unix.EMFILE):
		return explainDescriptors(err).Error() + ", or have fewer clients"
	case errors.Is(err, unix.ENFILE):
		return fmt.Sprintf("%v: the machine's file descriptors are all in use (/proc/sys/fs/file-max): have fewer clients", err)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Sprintf("%v: no local port is left to connect from (/proc/sys/net/ipv4/ip_local_port_range), or there is no such address: have fewer clients, or a lower rate", err)
	}
	return ""
}

// fail takes in a step that has failed. One that was given up is in flight: it may have been taken, or not.
func (l *loader) fail(s outcome.StepTime, err error) {
	first, gone := l.failed == nil, true
	switch {
	case errors.Is(err, errLoadEnded), errors.Is(err, errTimeout):
		l.o.InFlight++
		gone = false // it was given up, and the target may be well
	case errors.As(err, new(*targetEnded)):
		l.o.InFlight++
	default:
		l.o.Failed++
		if !answered(err) {
			l.unanswered, l.failedAt = err, s.Begin+s.Took
			l.unknown++
		}
	}
	s.N += l.sent
	if first && l.failures+l.o.Failed+l.o.InFlight > l.Tolerate {
		l.failed = fmt.Errorf("step %d: %w", s.N, err)
	}
	if gone {
		l.outages.Fail(s, err)
	}
	l.resume = time.Now().Add(failurePause)
}

// answered reports whether the target has said no, or was never asked: then nothing is unknown about the step.
func answered(err error) bool {
	return errors.As(err, new(*HTTPStatusError)) || answerOf(err) == outcome.AnswerRefused
}

// leaveBehind counts the steps that do not heed their context as in flight, and names the first.
func (l *loader) leaveBehind(cause error) error {
	first := 0
	for n, sent := range l.underWay {
		l.o.InFlight++
		l.times.add(n, sent.due, time.Now(), cause)
		if first == 0 || n < first {
			first = n
		}
	}
	return fmt.Errorf("step %d: %w", l.sent+first, &unheeded{cause})
}

// awaitDeath waits for a target that may be dying: a step or the probe failed with this error, or the last step without an
// answer. Then the steps that failed so since the last one that was acknowledged were in flight when it ended.
func (l *loader) awaitDeath(ctx context.Context, failed error) {
	if failed == nil {
		failed = l.unanswered
	}
	if failed != nil {
		awaitDeath(ctx, l.p, failed)
	}
	if l.p.isOver() {
		l.o.Failed -= l.unknown
		l.o.InFlight += l.unknown
		l.unknown = 0
	}
	if l.Tolerate > 0 || l.restarts {
		l.o.Outages = l.outages.Outages()
	}
}
