package harness

import (
	"context"
	"slices"
	"time"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/outcome"
)

// lives watches what runs in the group, and what its manager starts in it after that. The outcome is that of the last life, with
// the others in it; where the next one could not be watched, it is returned as well as the error.
func (w *watching) lives(ctx context.Context, g *cgroup.Group) (*Outcome, error) {
	if w.manager == nil {
		return w.allLives(ctx, g)
	}
	before, counted := w.manager.restarts(ctx)
	o, err := w.allLives(ctx, g)
	if o == nil || !counted {
		return o, err
	}
	seen := len(o.Lives)
	if err != nil {
		seen++ // the next one, of which the error tells
	}
	if now, counted := w.manager.restarts(context.WithoutCancel(ctx)); counted {
		o.Evidence.Watched.Unseen = max(now-before-seen, 0)
	}
	return o, err
}

func (w *watching) allLives(ctx context.Context, g *cgroup.Group) (*Outcome, error) {
	var lives []outcome.Life
	var last *Outcome
	for {
		o, err := w.life(ctx, g)
		if last != nil && cgroup.IsGone(err) { // over before it could be looked at
			if w.awaitNext(ctx, g) {
				continue
			}
			return last, nil
		}
		if err != nil {
			return last, err
		}
		o.Lives = slices.Clone(lives)
		o.Verdict, o.Why = o.Judge()
		if w.manager == nil || !o.Evidence.Watched.Ended || !w.awaitNext(ctx, g) {
			return o, nil
		}
		last, w.log.from = o, w.log.read
		life := o.Life()
		lives = append(lives, life)
		if w.spec.ObserveLife != nil {
			w.spec.ObserveLife(life)
		}
	}
}

// askInterval is how often a manager is asked whether it goes on, which takes a process each time: it tells nobody. systemd
// waits 100 ms before it starts a unit again, unless told otherwise.
const askInterval = 500 * time.Millisecond

// awaitNext waits until something runs in the group again, and reports whether that was so before its manager gave it up or ctx
// ended.
func (w *watching) awaitNext(ctx context.Context, g *cgroup.Group) bool {
	var made <-chan struct{}
	if up := g.Ancestors(); len(up) > 0 {
		if births, err := up[0].WatchBirths(); err == nil {
			defer births.Close()
			made = births.Changed
		}
	}
	looks := time.NewTicker(askInterval / 10)
	defer looks.Stop()
	var asked time.Time
	before := w.before.pid()
	var looked time.Time
	for ctx.Err() == nil {
		if runsIn(g) && time.Since(looked) >= askInterval/5 {
			if w.manager.hasStarted(ctx, before) {
				return true
			}
			looked = time.Now()
		}
		if time.Since(asked) >= askInterval {
			if asked = time.Now(); !w.manager.startsAgain(ctx) {
				return false
			}
		}
		select {
		case <-made:
		case <-looks.C:
		case <-ctx.Done():
		}
	}
	return false
}

// runsIn reports whether something runs in a cgroup.
func runsIn(g *cgroup.Group) bool {
	events, err := g.ReadKeyed("cgroup.events")
	return err == nil && events["populated"] == 1
}

// watchedEnd is what was read at the end of a life; it may be nil.
type watchedEnd struct {
	id        uint64
	main      int // its main process; 0: it is not known
	memory    outcome.Memory
	ancestors []outcome.Ancestor // as they counted since they were made
}

func (b *watchedEnd) pid() int {
	if b == nil {
		return 0
	}
	return b.main
}

// carry has a life begin where the one before ended. In a new cgroup all is its own that was counted in it.
func (b *watchedEnd) carry(now *snapshot, id uint64) {
	if b == nil {
		return
	}
	now.Ancestors = slices.Clone(b.ancestors)
	if id == b.id {
		now.Events, now.EventsLocal = b.memory.Events, b.memory.EventsLocal
		return
	}
	now.Memory, now.Stat, now.Refaults, now.Pressure = outcome.Memory{}, outcome.MemoryStat{}, 0, outcome.Pressure{}
}
