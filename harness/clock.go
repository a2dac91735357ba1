package harness

import (
	"slices"
	"sync"
	"time"
)

const (
	// firstInterval is how soon the clock takes its first samples, and ticksPerInterval how many before it waits twice as
	// long: it has covered 0.5 s with the first 50, and a minute with 350.
	firstInterval    = 10 * time.Millisecond
	ticksPerInterval = 50
	// clockShare bounds what the clock takes: one part of the time in so many. A sample takes 0.05 ms, and several ms in an
	// emulated guest (2026-11).
	clockShare = 100
	// lastCosts is of how many samples the cheapest says what one takes. Any single one may have waited for a CPU on a busy
	// machine: 50 ms of that would leave the cage unseen for 5 s.
	lastCosts = 8
	// lookInterval is how often the limits and the target's place are looked at where the kernel reports
	// nothing: it tells nobody of a change of these. A look takes 0.1 ms (2026-11).
	lookInterval = 250 * time.Millisecond
)

// clock says when the next sample is due. It runs slower and slower, so that short runs have a curve and long ones stay
// bounded. Its zero value begins.
type clock struct {
	ticks   int
	costs   [lastCosts]time.Duration // of the last samples
	hurried int                      // how often it was faster
	soon    time.Duration            // when the next sample is wanted; 0: whenever it is due
}

// maxHurried bounds how often a clock is faster: a program that runs into its limit within 20 ms is to be seen on its way,
// and one that goes up and down in front of it costs no more than any other.
const maxHurried = 30

// tick takes a sample, and returns how long to wait for the next one.
func (c *clock) tick(sample func()) time.Duration {
	start := time.Now()
	sample()
	c.took(time.Since(start))
	return c.interval()
}

// took notes what a sample has cost.
func (c *clock) took(cost time.Duration) {
	c.costs[c.ticks%lastCosts] = cost
	c.ticks++
}

// cost is what a sample takes by itself. It is 0 for the first samples: few of them say too little.
func (c *clock) cost() time.Duration {
	return slices.Min(c.costs[:])
}

// interval is how long to wait now.
func (c *clock) interval() time.Duration {
	doubled := min(c.ticks/ticksPerInterval, maxDoublings)
	due := max(firstInterval<<doubled, clockShare*c.cost())
	if c.soon > 0 && c.soon < due && c.hurried < maxHurried {
		c.hurried++
		return max(c.soon, c.cost())
	}
	return due
}

// maxDoublings keeps the interval below 3 hours.
const maxDoublings = 20

// follow samples the cage whenever the kernel reports a change, and by the clock. The function that it returns
// ends that; it may be called again.
func (t *timeline) follow(changed <-chan struct{}) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		looks := time.NewTicker(lookInterval)
		defer looks.Stop()
		ticks := time.NewTimer(firstInterval)
		defer ticks.Stop()
		for {
			select {
			case <-changed:
				t.sample()
			case <-looks.C:
				t.glance()
			case <-ticks.C:
				ticks.Reset(t.tick())
			case <-quit:
				return
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(quit)
		<-done
	})
}
