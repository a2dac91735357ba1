package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/outcome"
)

// lastReading is the last reading of a cgroup's counters, from files that are held open: whoever manages it may remove it at any
// time.
type lastReading struct {
	state, local, events, current, peak, swap *cgroup.Kept // the last two nil where the kernel lacks them

	id      uint64 // of the cgroup
	memory  outcome.Memory
	at      time.Duration // when that was read, since the watch began
	final   bool          // and nothing ran any more by then
	empty   bool          // nothing runs in it
	removed bool          // it is gone
	problem error         // why the last attempt has failed
}

// open opens the files.
func (r *lastReading) open(g *cgroup.Group) error {
	for _, file := range []struct {
		name     string
		to       **cgroup.Kept
		optional bool
	}{
		{"cgroup.events", &r.state, false}, {"memory.events.local", &r.local, false}, {"memory.events", &r.events, false},
		{"memory.current", &r.current, false}, {"memory.peak", &r.peak, true}, {"memory.swap.current", &r.swap, true},
	} {
		kept, err := g.Keep(file.name)
		if err != nil && !(file.optional && errors.Is(err, fs.ErrNotExist)) {
			r.close()
			return fmt.Errorf("watch %s: %w", g.Path(), err)
		}
		*file.to = kept
	}
	var err error
	if r.id, err = g.ID(); err != nil {
		r.close()
	}
	return err
}

func (r *lastReading) close() {
	for _, k := range []*cgroup.Kept{r.state, r.local, r.events, r.current, r.peak, r.swap} {
		k.Close()
	}
}

// read reads the counters, and reports whether there is a new reading. They are final where ended says that what is watched had ended
// before, by whether nothing ran in the cgroup then. The kernel counts before it kills, so that what has ended was counted.
func (r *lastReading) read(ended func(empty bool) bool, at time.Duration) bool {
	if r.final || r.removed {
		return false
	}
	empty, err := r.isEmpty()
	over := ended(empty)
	var m outcome.Memory
	if err == nil {
		m, err = r.counters()
	}
	r.take(m, at, empty, over, err)
	return err == nil
}

// take takes in one reading, or why there is none.
func (r *lastReading) take(m outcome.Memory, at time.Duration, empty, over bool, err error) {
	if r.problem = err; err != nil {
		r.removed = cgroup.IsGone(err) // else it is read again
		return
	}
	r.memory, r.at, r.empty, r.final = m, at, empty, over
}

// isEmpty reads cgroup.events.
func (r *lastReading) isEmpty() (empty bool, err error) {
	known := false
	err = r.state.Each(func(key []byte, n uint64) {
		if string(key) == "populated" {
			empty, known = n == 0, true
		}
	})
	if err == nil && !known {
		err = errors.New("cgroup.events has no key populated")
	}
	return empty, err
}

// counters reads as readMemory does, and in its order.
func (r *lastReading) counters() (m outcome.Memory, err error) {
	err = r.local.Each(m.EventsLocal.Set)
	if err == nil {
		err = r.events.Each(m.Events.Set)
	}
	if err != nil {
		return m, err
	}
	m.Events = m.Events.AtLeast(m.EventsLocal)
	for _, f := range []struct {
		from *cgroup.Kept
		to   *Bytes
	}{{r.current, &m.Current}, {r.peak, &m.Peak}, {r.swap, &m.SwapCurrent}} {
		size, err := f.from.Size()
		switch {
		case err == nil:
			*f.to = Bytes(size)
		case errors.Is(err, unix.ENODEV):
			return m, nil // the counters are what matters
		}
	}
	return m, nil
}

// evidence reads what there is now of the cgroup and of those above it, and compares it with what was before.
func (l *watchedLife) evidence() Evidence {
	l.tl.glance()
	after := takeSnapshot(&Cage{group: l.group}, nil)
	id, err := l.group.ID()
	removed := l.last.removed || err != nil || id != l.last.id
	if after.Unread[outcome.EventsFile] != "" || removed || l.last.final {
		l.asReadLast(&after)
	}
	l.before = &watchedEnd{id: l.last.id, main: l.main.orZero().id, memory: after.Memory, ancestors: slices.Clone(after.Ancestors)}
	e := after.Since(l.tl.before.Reading)
	if n := len(l.tl.samples); n > 0 && removed {
		last := l.tl.samples[n-1]
		e.Stat, e.Pressure = last.Stat, last.Pressure
	}
	e.Cage, e.Limits, e.AncestorsHidden = l.group.Name(), l.limits, l.group.Hidden()
	e.Ready = true // it was there before
	e.LimitChanges = slices.Clone(l.tl.seen.changes)
	l.noteMove()
	over := l.ended > 0 && (l.moved == "" || l.main.ended())
	e.PID, e.Status = l.main.pid(), l.main.status(over)
	if e.Status.Signal == outcome.UnknownSignal && l.manager != nil && l.main != nil {
		ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
		if status, known := l.manager.exit(ctx, l.main.id); known {
			e.Status = status
		}
		cancel()
	}
	e.OOMScoreAdj = l.main.orZero().oomScore
	w := &outcome.Watched{
		What: l.spec.what(), Ended: over, EndedAt: l.ended, Removed: removed, Final: l.last.final || l.ended == 0,
		ReadAt: l.last.at, Main: l.main.named(), Most: l.most, Moved: l.moved,
	}
	e.Watched = w
	if !w.Final {
		w.Above = l.above.counted(l.group, l.last.id)
		e.Unread[outcome.EventsAtEnd] = l.last.problem.Error()
	}
	l.readLog(&e)
	return e
}

// asReadLast takes the last reading of a cgroup that is gone, or may be another's by now.
func (l *watchedLife) asReadLast(after *snapshot) {
	for _, own := range []outcome.Source{outcome.EventsFile, outcome.StatFile, outcome.PressureFile} {
		delete(after.Unread, own)
	}
	maps.DeleteFunc(after.Unread, func(s outcome.Source, _ string) bool { return s == outcome.OOMDOf(l.group.Name()) })
	after.Memory = l.last.memory
}

// uncountedGrace is how long the kernel's line about a kill is waited for where nothing has counted one: the kernel prints it
// after the signal, and the cgroup may have been removed meanwhile.
const uncountedGrace = 200 * time.Millisecond

// catchUpGrace is how long it may take to read the log to its end: three reports of a kill take a second in an emulated guest on a
// busy machine (2026-11).
const catchUpGrace = 5 * time.Second

// readLog adds what the kernel log says. Of a cgroup that was gone too early it is asked even where no kill was counted.
func (l *watchedLife) readLog(e *Evidence) {
	if e.Watched.Final {
		if e.Events.OOMKill > 0 {
			l.log.catchUp(catchUpGrace)
		}
		l.log.complete(logGrace, e)
		return
	}
	counted := e.Events.OOMKill
	above, certain := e.Watched.CountedKills()
	if certain && above == 0 {
		return
	}
	if counted == 0 { // what the log had told by then was elsewhere, and what it had lost as well
		l.log.from = l.log.counted.orLater(l.log.from)
	}
	l.log.catchUp(catchUpGrace)
	e.Events.OOMKill = max(counted, above, 1)
	l.log.complete(uncountedGrace, e)
	e.Events.OOMKill = counted
	if r := e.OwnReport(); r != nil && r.Memory != nil {
		e.Peak = max(e.Peak, r.Memory.Usage) // memory.peak was read too early
	}
}
