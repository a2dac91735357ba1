package harness

import (
	"errors"
	"io/fs"
	"path"
	"slices"

	"oomcage/harness/internal/cgroup"
)

// snapshot is one reading of all that Evidence compares.
type snapshot struct {
	Memory
	swap      SwapEvents
	stat      Stat
	refaults  uint64
	pressure  Pressure
	ancestors []Ancestor
	below     []Ancestor
	limits    []limitReading
	daemons   []DaemonKill
	unread    map[string]string

	unreadBelow map[string]string // of the cgroups in below, or that would be there
}

// takeSnapshot reads the cage, the cgroups above it, and those of the target below it. What fails is
// noted, not returned: an unreadable file is evidence too.
func takeSnapshot(c *Cage, below []*cgroup.Group) snapshot {
	g := c.group
	s := snapshot{unread: map[string]string{}, unreadBelow: map[string]string{}}
	note := noteIn(s.unread)
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
	s.limits = readLimits(g, finalLimits)
	s.noteDaemons(g, note)
	for _, up := range g.Ancestors() {
		if a, ok := readAncestor(up, note); ok {
			s.ancestors = append(s.ancestors, a)
			s.limits = append(s.limits, limitReading{limitKey{a.Path, "memory.max"}, a.Max})
		}
		s.noteDaemons(up, note)
	}
	note = noteIn(s.unreadBelow)
	for _, down := range below {
		if a, ok := readAncestor(down, note); ok {
			s.below = append(s.below, a)
		}
		s.noteDaemons(down, note)
	}
	return s
}

func noteIn(unread map[string]string) func(file string, err error) {
	return func(file string, err error) {
		if err != nil {
			unread[file] = err.Error()
		}
	}
}

func (s *snapshot) noteDaemons(g *cgroup.Group, note func(file string, err error)) {
	kills, err := readDaemonKills(g)
	note(path.Join(g.Name(), "user.oomd_ooms"), err)
	s.daemons = append(s.daemons, kills...)
}

// readAncestor reads a cgroup with a limit that is not the cage's. One that has no memory controller
// has no limit either; one that was removed is noted.
func readAncestor(g *cgroup.Group, note func(file string, err error)) (a Ancestor, ok bool) {
	a.Path = g.Name()
	var err error
	a.EventsLocal, err = readEvents(g, "memory.events.local")
	if errors.Is(err, fs.ErrNotExist) {
		if has, statErr := g.Has("cgroup.procs"); has || statErr != nil {
			return a, false
		}
	}
	note(path.Join(a.Path, "memory.events.local"), err)
	size, err := g.ReadSize("memory.max")
	note(path.Join(a.Path, "memory.max"), err)
	a.Max = Bytes(size)
	return a, true
}

// before reads the cage as it is when a run begins. What an earlier one has left below it counts too.
func (c *Cage) before() snapshot {
	below, err := c.group.Descendants()
	s := takeSnapshot(c, below)
	noteIn(s.unread)("descendants", err)
	return s
}

// between lists the cgroups between the cage and one below it, that one first, without the harness's own.
func (c *Cage) between(name string) []*cgroup.Group {
	leaf := c.leafGroup()
	return slices.DeleteFunc(c.group.Between(name), func(g *cgroup.Group) bool { return leaf != nil && g.Name() == leaf.Name() })
}
