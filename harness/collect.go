package harness

import (
	"context"
	"slices"
	"time"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/internal/patience"
)

const (
	// killGrace is how long a process that the kernel has chosen to kill may take to end, where the
	// kernel log does not say which one it was. It is waited for only when a kill was counted while
	// the target still runs, so it delays nothing but the verdict that the victim was another
	// process. 100 MB are gone in 50 ms under emulation (2026-11).
	killGrace = 5 * time.Second
	// logGrace is how long the kernel's line about a kill may take to appear after the kill was
	// counted: the kernel prints last. Microseconds, unless it is rate-limited away for good.
	logGrace = time.Second
	// lateGrace is how long evidence may be waited for when the run's time is up.
	lateGrace = 250 * time.Millisecond
)

// collect reads the evidence. The kernel counts a kill before it sends the signal, so counters
// that are read after the target's end are final; those of a target that lives are read again
// when it ended meanwhile. It waits for no more than the run's time and lateGrace, except for a target
// that is sure to end: to close the cage would wait for that too. Where a time is up, it says what the
// target did with it.
func collect(ctx context.Context, p *Process, tl *timeline, log *kernelLog, timeUp bool) Evidence {
	ctx, cancel := whileLate(ctx)
	defer cancel()
	var waited, grouped bool
	p.noteTraced()
	for {
		status, over := p.Status(), p.isOver()
		e := tl.evidence(p)
		e.Status = status
		e.HarnessKilled = p.killed.Load() && status.Signal == "SIGKILL"
		log.complete(logTime(ctx), &e)
		p.noteFollowed(&e, tl.before.Events.OOMKill+e.Events.OOMKill)
		p.noteCPU(&e)
		if over {
			if !grouped && lacksGroupKill(e) {
				grouped = true
				p.cage.awaitGroupKill(tl.before.Events)
				continue
			}
			p.sumUp(&e, tl.before.Stat)
			return e
		}
		if p.isOver() || p.Status() != status {
			continue
		}
		if e.Events.OOMKill == 0 || waited || !status.Ended && e.SparedTarget() {
			if timeUp {
				p.noteCollector(&e)
			}
			return e
		}
		waited = true
		if _, dying := e.TargetKill(); dying {
			awaitEndOf(context.WithoutCancel(ctx), p, closeTimeout) // a large one takes its time
		} else {
			awaitEndOf(ctx, p, killGrace)
		}
	}
}

// lacksGroupKill reports whether the cage has met its own limit, and the kill of all that is in it (memory.oom.group) is not counted
// yet. The kernel counts that one when it has sent the first SIGKILL (oom_kill_process in mm/oom_kill.c): where another process than
// the victim met the limit, the victim may be gone before.
func lacksGroupKill(e Evidence) bool {
	return e.Limits.OOMGroup && e.EventsLocal.OOM > 0 && e.Events.OOMKill > 0 && e.Events.OOMGroupKill == 0
}

// awaitGroupKill waits until one more than before is counted. Kernels before 5.17 count none.
func (c *Cage) awaitGroupKill(before Events) {
	changed, stop, err := cgroup.Watch(c.eventsFile())
	if err != nil {
		return // where it cannot be waited for, what was read stands
	}
	defer stop()
	late := patience.New(groupGrace)
	defer late.End()
	for {
		now, err := readEvents(c.group, "memory.events")
		if err != nil || now.OOMGroupKill > before.OOMGroupKill {
			return
		}
		select {
		case <-late.Over:
			return
		case <-changed:
		}
	}
}

// whileLate is the context in which evidence is waited for: the run's, and a little more.
func whileLate(ctx context.Context) (context.Context, context.CancelFunc) {
	until := time.Now()
	if deadline, ok := ctx.Deadline(); ok && ctx.Err() == nil {
		until = deadline
	}
	return context.WithDeadline(context.WithoutCancel(ctx), until.Add(lateGrace))
}

func awaitEndOf(ctx context.Context, p *Process, grace time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer patience.AfterFunc(grace, cancel).End()
	if !p.Status().Ended {
		p.awaitTraced(ctx) // what it leaves may live on
		return
	}
	_ = p.awaitOver(ctx)
}

// evidence reads what there is now, and compares it with what was before the run.
func (t *timeline) evidence(p *Process) Evidence {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, _ := p.whereabouts()
	t.seen.note(time.Since(t.start), at)
	after := takeSnapshot(p.cage, p.cage.between(t.seen.group))
	t.seen.noteLimits(time.Since(t.start), after.limits)
	e := after.Since(t.before.Reading)
	e.PID = initialPID(p.PID())
	e.OOMScoreAdj = p.score
	e.Cage = p.cage.group.Name()
	e.Limits = p.cage.Limits()
	e.AncestorsHidden = p.cage.group.Hidden()
	e.Moves = slices.Clone(t.seen.moves)
	e.LimitChanges = slices.Clone(t.seen.changes)
	e.MainThreadEnded = t.seen.leaderEnded
	if score := t.seen.score; score != nil && *score != p.score {
		e.OOMScoreAdjAtEnd = score
	}
	return e
}
