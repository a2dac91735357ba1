package harness

import (
	"sync"
	"time"
)

// patienceParts is in how many parts a grace passes.
const patienceParts = 10

// patience is a timer for a grace: how long somebody else may take for something. It passes in parts, each of which begins
// when this process has seen the end of the one before. So a machine that stands still, as an emulated one does whose host is
// busy (2 s, 2026-11), takes no more than a part of the time that others had.
type patience struct {
	over chan struct{} // closed when it is over
	then func()        // called then

	mu    sync.Mutex
	left  time.Duration // when the part is over that passes now
	part  time.Duration
	timer *time.Timer // nil when it was ended
}

// newPatience is to be ended.
func newPatience(grace time.Duration) *patience { return afterPatience(grace, func() {}) }

// afterPatience calls then when the grace is over, and is to be ended.
func afterPatience(grace time.Duration, then func()) *patience {
	p := &patience{over: make(chan struct{}), then: then, left: grace, part: max(grace/patienceParts, 1)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(p.next(), p.pass)
	return p
}

// next is how long the next part is.
func (p *patience) next() time.Duration {
	part := p.part
	if p.left < 2*part {
		part = p.left
	}
	p.left -= part
	return part
}

func (p *patience) pass() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.timer == nil:
	case p.left == 0:
		close(p.over)
		p.then()
	default:
		p.timer.Reset(p.next())
	}
}

func (p *patience) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
}
