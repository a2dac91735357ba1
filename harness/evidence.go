package harness

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"time"

	"oomcage/harness/internal/cgroup"
)

// Evidence is everything that was seen of a run and that a verdict rests on. It is collected
// before the cage is removed. Counters are differences: what was counted during this run.
type Evidence struct {
	Status   Status `json:"status"`    // of the target, when the load had ended; the harness had sent it no signal by then
	Ready    bool   `json:"ready"`     // the probe had succeeded
	TimedOut bool   `json:"timed_out"` // the run's time was up

	Limits      Limits   `json:"limits"`       // as the kernel has taken them
	Events      Events   `json:"events"`       // memory.events: the cage and the cgroups below it
	EventsLocal Events   `json:"events_local"` // memory.events.local: the cage alone
	Current     Bytes    `json:"current"`      // memory.current at the end
	Peak        Bytes    `json:"peak"`         // memory.peak; 0 before Linux 5.19
	SwapCurrent Bytes    `json:"swap_current"` // memory.swap.current at the end
	Stat        Stat     `json:"stat"`         // memory.stat at the end
	Refaults    uint64   `json:"refaults"`     // pages that came back soon after they had been reclaimed
	Pressure    Pressure `json:"pressure"`     // time lost to reclaim

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
	stat      Stat
	refaults  uint64
	pressure  Pressure
	ancestors []Ancestor
	unread    map[string]string
}

// takeSnapshot reads the cage and the cgroups above it. What fails is noted, not returned: an
// unreadable file is evidence too.
func takeSnapshot(g *cgroup.Group) snapshot {
	s := snapshot{unread: map[string]string{}}
	note := func(file string, err error) {
		if err != nil {
			s.unread[file] = err.Error()
		}
	}
	var err error
	s.Memory, err = readMemory(g)
	note("memory.events", err)
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
		note(filepath.Join(a.Path, "memory.events.local"), err)
		size, err := up.ReadSize("memory.max")
		note(filepath.Join(a.Path, "memory.max"), err)
		a.Max = Bytes(size)
		s.ancestors = append(s.ancestors, a)
	}
	return s
}

// killGrace is how long a process that the kernel has chosen to kill may take to end. It is
// waited for only when a kill was counted while the target still runs, so it delays nothing
// but the verdict that the victim was another process. 100 MB are gone in 50 ms under emulation.
const killGrace = 5 * time.Second

// collect reads the evidence. The kernel counts a kill before it sends the signal, so counters
// that are read after the target's end are final; those of a target that lives are read again
// when it ended meanwhile.
func collect(p *Process, before snapshot) Evidence {
	grace := time.NewTimer(killGrace)
	defer grace.Stop()
	for waited := false; ; {
		status := p.Status()
		after := takeSnapshot(p.cage.group)
		e := compare(before, after)
		e.Status = status
		e.Limits = p.cage.limits
		e.AncestorsHidden = p.cage.group.Hidden()
		if status.Ended {
			return e
		}
		if p.Status().Ended {
			continue
		}
		if e.Events.OOMKill == 0 || waited {
			return e
		}
		waited = true
		select {
		case <-p.Done():
		case <-grace.C:
		}
	}
}

// compare computes what has happened between two readings.
func compare(before, after snapshot) Evidence {
	maps.Copy(after.unread, before.unread)
	e := Evidence{
		Current: after.Current, Peak: after.Peak, SwapCurrent: after.SwapCurrent, Stat: after.stat,
		Refaults: after.refaults - min(after.refaults, before.refaults),
		Pressure: Pressure{Some: after.pressure.Some - before.pressure.Some, Full: after.pressure.Full - before.pressure.Full},
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
	e.Events = since("memory.events", after.Events, before.Events)
	e.EventsLocal = since("memory.events", after.EventsLocal, before.EventsLocal)
	for i, a := range after.ancestors {
		if i < len(before.ancestors) {
			a.EventsLocal = since(filepath.Join(a.Path, "memory.events.local"), a.EventsLocal, before.ancestors[i].EventsLocal)
		}
		e.Ancestors = append(e.Ancestors, a)
	}
	return e
}
