package harness

import (
	"cmp"
	"context"
	"slices"
	"time"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/internal/patience"
	"oomcage/harness/outcome"
)

// watchedLife is what is watched from when it was found until it ended.
type watchedLife struct {
	*watching
	group *cgroup.Group
	from  time.Time
	last  lastReading
	tl    *timeline
	above *watchedAbove   // nil where nothing above counts
	main  *watchedMain    // nil where nobody was in it
	alone <-chan struct{} // closed when main has ended; nil when that was taken in
	moved string          // the cgroup in which main is, or ended, where that is outside of group; "": it is inside
	most  int             // processes at once
	lived bool            // something has run in it
	ended time.Duration   // 0: it has not
	tmpfs map[string]Bytes

	limits  Limits
	cleanup []func() // the last one first
}

// begin opens all that is read again and again. What is held open can be read until the cgroup is removed.
func (w *watching) begin(g *cgroup.Group) (l *watchedLife, err error) {
	l = &watchedLife{watching: w, group: g, from: time.Now(), tmpfs: tmpfsInUse()}
	w.log.of(g)
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if err := l.last.open(g); err != nil {
		return l, err
	}
	l.later(l.last.close)
	if l.tl, err = newTimeline(&Cage{group: g}, w.start); err != nil {
		return l, err
	}
	l.later(l.tl.close)
	w.before.carry(&l.tl.before, l.last.id)
	l.tl.counted = l.tl.before.Events.OOMKill
	l.tl.seen.beginWatch(g, l.tl.before.limits)
	l.tl.census.group, l.tl.census.tmpfs = g, l.tmpfs
	l.limits = limitsOf(l.tl.before.limits, g.Name())
	if l.above, err = lookAbove(g); err != nil {
		return l, err
	}
	l.later(l.above.close)
	if w.main != 0 {
		_ = l.meet(w.main) // it may have ended by now
	}
	return l, l.meet(w.spec.PID)
}

// meet looks for the main process, where that is not known yet.
func (l *watchedLife) meet(asked int) (err error) {
	if l.main != nil {
		l.main.call()
		return nil
	}
	l.countProcesses() // first: who is there now has lived, though it may have ended before it is found
	if l.main, err = findMain(l.group, asked); l.main != nil {
		l.alone, l.lived = l.main.done(), true
		l.later(l.main.close)
	}
	return err
}

func (l *watchedLife) later(f func()) { l.cleanup = append(l.cleanup, f) }

func (l *watchedLife) close() {
	for _, f := range slices.Backward(l.cleanup) {
		f()
	}
	l.cleanup = nil
}

// follow watches until it ends, or ctx does. At each wake-up the counters come first, since the cgroup may be gone soon, and a
// sample must not tell of more than they do.
func (l *watchedLife) follow(ctx context.Context) {
	memory, stopMemory := l.wakeUps("memory.events")
	defer stopMemory()
	state, stopState := l.wakeUps("cgroup.events")
	defer stopState()
	looks := time.NewTicker(lookInterval)
	defer looks.Stop()
	ticks := time.NewTimer(firstInterval)
	defer ticks.Stop()
	started := l.started
	l.readCounters()
	l.tl.sample()
	l.tell()
	for {
		over := ctx.Err() != nil
		select {
		case <-started:
			started = nil
			l.settle()
		default:
		}
		l.readCounters()
		l.noteMove()
		if l.hasEnded() {
			l.ended = time.Since(l.start)
			l.awaitGroupKill(memory)
			over = true
		}
		if over {
			l.tl.sample()
			l.tell()
			return
		}
		select {
		case <-memory:
			l.counted()
		case <-state:
			_ = l.meet(0)
		case <-started:
		case <-l.above.changed():
		case <-l.alone:
			l.alone = nil
		case <-looks.C:
			l.readCounters()
			_ = l.meet(0)
			l.countProcesses()
			l.tl.glance()
			l.tl.observe()
			l.log.catchUp(lookInterval / 10)
			l.tell()
		case <-ticks.C:
			l.readCounters()
			ticks.Reset(l.tl.tick())
		case <-ctx.Done():
		}
	}
}

// readCounters reads what is counted, and what had ended before.
func (l *watchedLife) readCounters() {
	if l.last.read(l.isOver, time.Since(l.start)) {
		l.log.settle()
	}
}

// counted takes in what the kernel has counted.
func (l *watchedLife) counted() {
	l.readCounters()
	l.lived = l.lived || l.last.memory.Events != l.tl.before.Events
	_ = l.meet(0)
	l.countProcesses()
	l.tl.sample()
	l.tell()
}

// groupGrace is how long the kernel may take from the first victim's end until it counts oom_group_kill: a few ms under emulation on a
// busy machine (2026-11).
const groupGrace = 200 * time.Millisecond

// awaitGroupKill waits until a kill of the whole group is counted, which the kernel does when it has signalled the first victim
// (oom_kill_process in mm/oom_kill.c): that may have ended before.
func (l *watchedLife) awaitGroupKill(changed <-chan struct{}) {
	before := l.tl.before.Events
	late := patience.New(groupGrace)
	defer late.End()
	for l.limits.OOMGroup && l.last.final && l.last.memory.Events.OOMKill > before.OOMKill && l.last.memory.Events.OOMGroupKill == before.OOMGroupKill {
		select {
		case <-changed:
		case <-late.Over:
			return
		}
		m, err := l.last.counters()
		if err != nil {
			return // it is gone by now
		}
		l.last.memory = m
	}
}

// settle takes what is now for the beginning: before the program ran, its runtime had processes of its own in the cgroup, and set the
// limits.
func (l *watchedLife) settle() {
	if m, err := findMain(l.group, 0); err == nil && m != nil {
		l.main, l.alone, l.moved = m, m.done(), ""
		l.later(m.close)
	}
	l.most = 0
	l.countProcesses()
	now := takeSnapshot(&Cage{group: l.group}, nil)
	if now.Unread[outcome.EventsFile] != "" {
		return // it is gone by now
	}
	l.tl.mu.Lock()
	defer l.tl.mu.Unlock()
	l.tl.seen.changes = nil
	l.tl.seen.beginWatch(l.group, now.limits)
	l.limits = limitsOf(now.limits, l.group.Name())
}

// noteMove notes where the main process is, or ended, where that is outside of the watched cgroup: a process stays where it was
// until it is reaped.
func (l *watchedLife) noteMove() {
	if l.main == nil {
		return
	}
	now, err := l.group.OfProcess(l.main.id)
	switch {
	case err != nil || !l.main.unreaped(): // the PID may be another's by now
	case isBelow(now, l.group):
		l.moved = ""
	default:
		l.moved = now.Name()
	}
}

// wakeUps are those for a file of the cgroup; none where it is gone already.
func (l *watchedLife) wakeUps(file string) (changed <-chan struct{}, stop func()) {
	changed, stop, err := cgroup.Watch(l.group.Path() + "/" + file)
	if err != nil {
		return nil, func() {}
	}
	return changed, stop
}

// isOver reports whether what is watched has ended, by whether its cgroup is empty.
func (l *watchedLife) isOver(empty bool) bool {
	if l.spec.PID != 0 {
		return l.main.ended()
	}
	return empty && l.lived
}

// hasEnded reports whether it has, by the last reading.
func (l *watchedLife) hasEnded() bool {
	return l.last.final || l.last.removed && (l.spec.PID == 0 || l.main.ended())
}

func (l *watchedLife) countProcesses() {
	if pids, err := l.group.Procs(); err == nil {
		l.most = max(l.most, len(pids))
		l.lived = l.lived || len(pids) > 0
	}
}

// tell tells who asked of the last reading.
func (l *watchedLife) tell() {
	if l.spec.Observe == nil {
		return
	}
	l.tl.mu.Lock()
	var s outcome.Sample
	if n := len(l.tl.samples); n > 0 {
		s = l.tl.samples[n-1]
	}
	limit := l.tl.limit()
	l.tl.mu.Unlock()
	s.At, s.Current, s.Swap = l.last.at, l.last.memory.Current, l.last.memory.SwapCurrent
	if events, err := l.last.memory.Events.Since(l.tl.before.Events); err == nil {
		s.Events = events
	}
	l.spec.Observe(s, limit)
}

// outcome is what came of it.
func (l *watchedLife) outcome() *Outcome {
	o := &Outcome{Name: cmp.Or(l.spec.Name, l.spec.what()), Evidence: l.evidence(), Timeline: outcome.Timeline{}}
	o.Spec.Limits = o.Evidence.Limits
	o.Spec.Target.Path = l.main.orZero().path
	l.tl.mu.Lock()
	o.Timeline = append(o.Timeline, l.tl.samples.Fit(maxTimelineText, l.tl.limit())...)
	o.Census = l.tl.census.taken
	e := &o.Evidence
	l.tl.addKills(e.Events.OOMKill, time.Since(l.start), 0, 0)
	e.KillTimes = l.tl.kills
	if e.Fullest = outcome.NewComposition(*e, l.tl.samples, o.Census); e.Fullest != nil {
		e.Fullest.AddTmpfs(growth(l.tmpfs))
	}
	l.tl.mu.Unlock()
	o.Peak = e.Peak
	o.Took = time.Since(l.start)
	o.Verdict, o.Why = o.Judge()
	return o
}
