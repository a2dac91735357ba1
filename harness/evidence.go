package harness

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"time"
)

// Evidence is everything that was seen of a run and that a verdict rests on. It is collected
// before the cage is removed. Counters are differences: what was counted during this run.
type Evidence struct {
	Status   Status `json:"status"`    // of the target, when the load had ended
	Ready    bool   `json:"ready"`     // the probe had succeeded
	TimedOut bool   `json:"timed_out"` // the run's time was up

	// HarnessKilled tells that the harness had sent the target a SIGKILL by then: the test did,
	// through Process.Signal, or the cage was closed during the run.
	HarnessKilled bool `json:"harness_killed,omitempty"`

	PID         int    `json:"pid"`           // of the target, in the initial PID namespace as in the kernel log; 0 from another one
	OOMScoreAdj int    `json:"oom_score_adj"` // of the target, as it was started
	Cage        string `json:"cage"`          // the cgroup's path below the mount

	Limits      Limits     `json:"limits"`               // as the kernel has taken them
	Events      Events     `json:"events"`               // memory.events: the cage and the cgroups below it
	EventsLocal Events     `json:"events_local"`         // memory.events.local: the cage alone, with the leaf of its own targets if it has children
	Current     Bytes      `json:"current"`              // memory.current at the end
	Peak        Bytes      `json:"peak"`                 // memory.peak since the cage was made; 0 before Linux 5.19
	SwapCurrent Bytes      `json:"swap_current"`         // memory.swap.current at the end
	SwapEvents  SwapEvents `json:"swap_events,omitzero"` // memory.swap.events
	Stat        Stat       `json:"stat"`                 // memory.stat at the end
	Refaults    uint64     `json:"refaults"`             // pages that came back soon after they had been reclaimed
	Pressure    Pressure   `json:"pressure"`             // time lost to reclaim

	// Kills are the OOM kills in the cage that the kernel log tells of, in its order. They may be
	// fewer than Events.OOMKill counts: the log can be closed to the harness, or overrun.
	Kills []Kill `json:"kills,omitempty"`

	// UnplacedKills are the other OOM kills during the run of which the log does not tell where they
	// were: the kernel rate-limits that line. They may have been in the cage or anywhere.
	UnplacedKills uint64 `json:"unplaced_kills,omitempty"`

	// Ancestors are the cgroups above the cage, the nearest first.
	Ancestors []Ancestor `json:"ancestors,omitempty"`

	// AncestorsHidden tells that a cgroup namespace hides the limits further up.
	AncestorsHidden bool `json:"ancestors_hidden,omitempty"`

	// Unread names the files that could not be read, and why.
	Unread map[string]string `json:"unread,omitempty"`
}

// Ancestor is a cgroup above the cage.
type Ancestor struct {
	Path        string `json:"path"`
	Max         Bytes  `json:"max"`          // memory.max
	EventsLocal Events `json:"events_local"` // of it alone, during this run
}

// SwapEvents are the counters of memory.swap.events: how often the cage was over its
// memory.swap.high (High), at its memory.swap.max (Max), and could not swap a page out (Fail).
type SwapEvents struct {
	High uint64 `json:"high"`
	Max  uint64 `json:"max"`
	Fail uint64 `json:"fail"`
}

// Stat is the part of memory.stat that says what the memory was used for, in bytes.
type Stat struct {
	Anon       Bytes `json:"anon"`
	File       Bytes `json:"file"`
	Shmem      Bytes `json:"shmem"`
	Sock       Bytes `json:"sock"`
	Kernel     Bytes `json:"kernel"` // 0 before Linux 5.18
	PageTables Bytes `json:"pagetables"`
}

// snapshot is one reading of all that Evidence compares.
type snapshot struct {
	Memory
	swap      SwapEvents
	stat      Stat
	refaults  uint64
	pressure  Pressure
	ancestors []Ancestor
	unread    map[string]string
}

// takeSnapshot reads the cage and the cgroups above it. What fails is noted, not returned: an
// unreadable file is evidence too.
func takeSnapshot(c *Cage) snapshot {
	g := c.group
	s := snapshot{unread: map[string]string{}}
	note := func(file string, err error) {
		if err != nil {
			s.unread[file] = err.Error()
		}
	}
	var err error
	var own Events // of the leaf, and before those of the cage: see readMemory
	if leaf := c.leafGroup(); leaf != nil {
		own, err = readEvents(leaf, "memory.events.local")
		note("memory.events", c.explainGone(err))
	}
	s.Memory, err = readMemory(g)
	note("memory.events", c.explainGone(err))
	s.EventsLocal = s.EventsLocal.plus(own)
	s.Events = s.Events.atLeast(s.EventsLocal)
	s.swap, err = readSwapEvents(g)
	note("memory.swap.events", err)
	stat, err := g.ReadKeyed("memory.stat")
	note("memory.stat", err)
	s.stat = Stat{
		Anon: Bytes(stat["anon"]), File: Bytes(stat["file"]), Shmem: Bytes(stat["shmem"]),
		Sock: Bytes(stat["sock"]), Kernel: Bytes(stat["kernel"]), PageTables: Bytes(stat["pagetables"]),
	}
	s.refaults = stat["workingset_refault_anon"] + stat["workingset_refault_file"]
	s.pressure, err = readPressure(g)
	note("memory.pressure", err)
	for _, up := range g.Ancestors() {
		a := Ancestor{Path: up.Name()}
		a.EventsLocal, err = readEvents(up, "memory.events.local")
		if errors.Is(err, fs.ErrNotExist) {
			continue // a cgroup above the guard that has no memory controller has no limit either
		}
		note(path.Join(a.Path, "memory.events.local"), err)
		size, err := up.ReadSize("memory.max")
		note(path.Join(a.Path, "memory.max"), err)
		a.Max = Bytes(size)
		s.ancestors = append(s.ancestors, a)
	}
	return s
}

const (
	// killGrace is how long a process that the kernel has chosen to kill may take to end, where the
	// kernel log does not say which one it was. It is waited for only when a kill was counted while
	// the target still runs, so it delays nothing but the verdict that the victim was another
	// process. 100 MB are gone in 50 ms under emulation (2026-11).
	killGrace = 5 * time.Second
	// logGrace is how long the kernel's line about a kill may take to appear after the kill was
	// counted: the kernel prints last. Microseconds, unless it is rate-limited away for good.
	logGrace = time.Second
)

// collect reads the evidence. The kernel counts a kill before it sends the signal, so counters
// that are read after the target's end are final; those of a target that lives are read again
// when it ended meanwhile.
func collect(p *Process, before snapshot, log *kernelLog) Evidence {
	var waited bool
	for {
		status := p.Status()
		after := takeSnapshot(p.cage)
		e := compare(before, after)
		e.Status = status
		e.HarnessKilled = p.killed.Load() && status.Signal == "SIGKILL"
		e.PID = initialPID(p.PID())
		e.OOMScoreAdj = p.score
		e.Cage = p.cage.group.Name()
		e.Limits = p.cage.limits
		e.AncestorsHidden = p.cage.group.Hidden()
		log.complete(&e)
		if status.Ended {
			return e
		}
		if p.Status().Ended {
			continue
		}
		if e.Events.OOMKill == 0 || waited || e.sparedTarget() {
			return e
		}
		waited = true
		grace := killGrace
		if _, dying := e.targetKill(); dying {
			grace = closeTimeout // it is sure to end, and a large one takes its time
		}
		timer := time.NewTimer(grace)
		select {
		case <-p.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// compare computes what has happened between two readings.
func compare(before, after snapshot) Evidence {
	maps.Copy(after.unread, before.unread)
	e := Evidence{
		Current: after.Current, Peak: after.Peak, SwapCurrent: after.SwapCurrent, Stat: after.stat,
		Refaults: after.refaults - min(after.refaults, before.refaults),
		Pressure: after.pressure.since(before.pressure),
		Unread:   after.unread,
	}
	since := func(file string, to, from Events) Events {
		if e.Unread[file] != "" {
			return Events{}
		}
		d, err := to.since(from)
		if err != nil {
			e.Unread[file] = err.Error()
		}
		return d
	}
	e.SwapEvents = after.swap.since(before.swap)
	e.Events = since("memory.events", after.Events, before.Events)
	e.EventsLocal = since("memory.events", after.EventsLocal, before.EventsLocal)
	for i, a := range after.ancestors {
		if i < len(before.ancestors) {
			a.EventsLocal = since(path.Join(a.Path, "memory.events.local"), a.EventsLocal, before.ancestors[i].EventsLocal)
		}
		e.Ancestors = append(e.Ancestors, a)
	}
	return e
}
