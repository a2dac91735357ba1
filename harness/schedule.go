package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"oomcage/harness/internal/patience"
	"oomcage/harness/outcome"
)

// mover changes the limits of a cage while its target runs, as the run's schedule says. A nil one changes nothing.
type mover struct {
	p  *Process
	tl *timeline

	ctx    context.Context // of the load: no change begins after it
	cancel context.CancelFunc
	timer  sync.WaitGroup

	mu      sync.Mutex // one change at a time
	begun   bool
	waiting outcome.Schedule // for steps, in their order
	byTime  outcome.Schedule // in their order
	applied []outcome.Applied
	lowered atomic.Bool // a limit, since the load began
}

// deathOfVictim is how long a target that the kernel may have killed for a lowered limit is waited for, before the next
// step is sent: that one would say nothing.
const deathOfVictim = time.Second

// newMover is nil where the schedule is empty. It is to be ended.
func newMover(s outcome.Schedule, p *Process, tl *timeline) *mover {
	if len(s) == 0 {
		return nil
	}
	return &mover{p: p, tl: tl, waiting: s.AfterSteps(), byTime: s.ByTime()}
}

// begin is for when the target is ready: the changes that are due are made now, and a timer makes those that are not. All
// end with ctx.
func (m *mover) begin(ctx context.Context) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	ready := time.Now()
	m.ctx, m.cancel = context.WithCancel(ctx)
	m.begun = true
	for len(m.byTime) > 0 && m.byTime[0].At == 0 {
		m.apply(m.byTime[0])
		m.byTime = m.byTime[1:]
	}
	m.timer.Go(func() {
		for _, c := range m.byTime {
			due := time.NewTimer(time.Until(ready.Add(c.At)))
			select {
			case <-due.C:
			case <-m.p.over():
				due.Stop()
				return
			case <-m.ctx.Done():
				due.Stop()
				return
			}
			m.mu.Lock()
			m.apply(c)
			m.mu.Unlock()
		}
	})
}

// acknowledged makes the changes that come when so many steps have been acknowledged, before it returns.
func (m *mover) acknowledged(steps int) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.begun && len(m.waiting) > 0 && m.waiting[0].Step <= steps {
		m.apply(m.waiting[0])
		m.waiting = m.waiting[1:]
	}
}

// end is for when the load is over: what is under way is waited for, as long as the run lasts.
func (m *mover) end() {
	if m == nil || m.cancel == nil {
		return
	}
	m.cancel()
	m.timer.Wait()
}

// results says what became of the changes that came. It is for after end.
func (m *mover) results() []outcome.Applied {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.applied
}

// relieves reports whether a change that was made may have had memory taken back since the load began.
func (m *mover) relieves() bool {
	return m != nil && m.lowered.Load()
}

// predict is what is predicted of a run, or nil where there is nothing to say.
func (s Spec) predict(b outcome.Baseline, e Evidence) *outcome.Prediction {
	if s.Load.Bytes == 0 || !s.Schedule.Predicts(e.Limits) {
		return nil
	}
	w := outcome.PredictSchedule(b, e.Limits, s.Load.Bytes, s.Schedule, e.Applied)
	return &w
}

// apply makes one change, for those who hold mu. The kernel takes memory back, and kills, before it returns from the write;
// with slow swap that may take longer than the run has.
func (m *mover) apply(c outcome.Change) {
	if m.p.isOver() || m.ctx.Err() != nil {
		return
	}
	a, kills := m.tl.moving(c)
	m.lowered.Store(m.lowered.Load() || a.To < a.From && (c.At > 0 || c.Step > 0))
	err := m.patiently(func() error { return m.p.cage.moveLimit(c) })
	if killed := m.tl.moved(&a, err) > kills; killed {
		grace := patience.New(deathOfVictim)
		select {
		case <-m.p.over():
		case <-m.ctx.Done():
		case <-grace.Over:
		}
		grace.End()
		// The write returns when no process is left to be killed: the last one may still be giving its memory back
		// (exit_mmap in mm/mmap.c sets MMF_OOM_SKIP first).
		if left, err := m.p.cage.group.ReadSize("memory.current"); err == nil {
			a.Left = Bytes(left)
		}
	}
	m.applied = append(m.applied, a)
}

// patiently calls f, and leaves it behind where it has not returned by some time after the load's end.
func (m *mover) patiently(f func() error) error {
	done, late := make(chan error, 1), make(chan struct{})
	stop := context.AfterFunc(m.ctx, func() { patience.AfterFunc(heedGrace, func() { close(late) }) })
	defer stop()
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-late:
		return errors.New("the kernel had not taken it when the load was over")
	}
}

// moveLimit writes one limit of a cage that is in use, and reads it back.
func (c *Cage) moveLimit(to outcome.Change) error {
	var l Limits
	size := to.Field(&l)
	*size = to.To
	value := "max"
	if to.To != Unlimited {
		value = fmt.Sprint(int64(to.To))
	}
	if err := c.group.Write(to.File(), value); err != nil {
		return fmt.Errorf("set %s of the cage: %w", to.File(), err)
	}
	return readBack(c.group, sizeFile{to.File(), size, nil})
}

// moving notes that the schedule is about to make a change, with a reading of right before it, and returns how many kills
// had been counted.
func (t *timeline) moving(c outcome.Change) (a outcome.Applied, kills uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a = outcome.Applied{Change: c, Acked: t.step, Used: t.landmark()}
	a.Begin = time.Since(t.start)
	key := limitKey{t.seen.target.cage.group.Name(), c.File()}
	if from, err := t.seen.target.cage.group.ReadSize(c.File()); err == nil {
		a.From = Bytes(from)
	}
	to := c.To
	if page := Bytes(os.Getpagesize()); to != Unlimited {
		to -= to % page
	}
	t.seen.expected = &expectedChange{limitKey: key, to: to, at: a.Begin}
	kills, _ = t.recorder.kills()
	return a, kills
}

// moved completes the change after it was made, or could not be, with a reading of right after it, and returns how many
// kills have been counted.
func (t *timeline) moved(a *outcome.Applied, err error) (kills uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen.noteLimits(time.Since(t.start), readLimits(t.seen.target.cage.group, []string{a.File()}))
	t.seen.expected = nil
	a.Left = t.landmark()
	a.Took = time.Since(t.start) - a.Begin
	if err != nil {
		a.Error = err.Error()
	}
	kills, _ = t.recorder.kills()
	return kills
}

// landmark takes a sample that stays, for those who hold mu, and returns its memory.current; 0 where it cannot be read.
func (t *timeline) landmark() Bytes {
	if !t.record(false) {
		return 0
	}
	last := &t.samples[len(t.samples)-1]
	last.Landmark = true
	return last.Current
}

// expectedChange is a change of a limit that the schedule makes now.
type expectedChange struct {
	limitKey
	to Bytes
	at time.Duration // since the run began
}
