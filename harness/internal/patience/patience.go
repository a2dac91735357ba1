// Package patience has timers for graces that a machine which stands still does not use up.
package patience

import (
	"sync"
	"time"
)

// parts is in how many parts a grace passes.
const parts = 10

// Timer is one for a grace: how long somebody else may take for something. It passes in parts, each of which begins
// when this process has seen the end of the one before. So a machine that stands still, as an emulated one does whose host is
// busy (2 s, 2026-11), takes no more than a part of the time that others had.
type Timer struct {
	Over chan struct{} // closed when it is over
	then func()        // called then

	mu    sync.Mutex
	left  time.Duration // when the part is over that passes now
	part  time.Duration
	timer *time.Timer // nil when it was ended
}

// New begins a grace. The timer is to be ended.
func New(grace time.Duration) *Timer { return AfterFunc(grace, func() {}) }

// AfterFunc calls then when the grace is over. The timer is to be ended.
func AfterFunc(grace time.Duration, then func()) *Timer {
	t := &Timer{Over: make(chan struct{}), then: then, left: grace, part: max(grace/parts, 1)}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timer = time.AfterFunc(t.next(), t.pass)
	return t
}

// next is how long the next part is.
func (t *Timer) next() time.Duration {
	part := t.part
	if t.left < 2*part {
		part = t.left
	}
	t.left -= part
	return part
}

func (t *Timer) pass() {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.timer == nil:
	case t.left == 0:
		close(t.Over)
		t.then()
	default:
		t.timer.Reset(t.next())
	}
}

// End ends the timer, which is never over then if it was not yet. Ending it again is nothing new.
func (t *Timer) End() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
}
