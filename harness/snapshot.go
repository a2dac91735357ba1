package harness

import (
	"errors"
	"io/fs"
	"slices"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/outcome"
)

// snapshot is one reading of the cage, and of what limits it.
type snapshot struct {
	outcome.Reading
	limits []limitReading
}

// takeSnapshot reads the cage, the cgroups above it, and those of the target below it. What fails is
// noted, not returned: an unreadable file is evidence too.
func takeSnapshot(c *Cage, below []*cgroup.Group) snapshot {
	g := c.group
	s := snapshot{Reading: outcome.Reading{Unread: map[outcome.Source]string{}, UnreadBelow: map[outcome.Source]string{}}}
	note := noteIn(s.Unread)
	var err error
	var own Events // of the leaf, and before those of the cage: see readMemory
	contained := c.holdsContainer()
	if leaf := c.leafGroup(); leaf != nil {
		own, err = readEvents(leaf, "memory.events.local")
		note(outcome.EventsFile, c.explainGone(err))
	}
	s.Memory, err = readMemory(g)
	note(outcome.EventsFile, c.explainGone(err))
	s.EventsLocal = s.EventsLocal.Plus(own)
	if contained { // whatever was killed below the cage was so in the container, whose own cgroup may be gone
		s.EventsLocal.OOMKill, s.EventsLocal.OOMGroupKill = s.Events.OOMKill, s.Events.OOMGroupKill
	}
	s.Events = s.Events.AtLeast(s.EventsLocal)
	stat, err := g.ReadKeyed("memory.stat")
	note(outcome.StatFile, err)
	s.Stat = outcome.ReadMemoryStat(stat)
	s.Refaults = stat["workingset_refault_anon"] + stat["workingset_refault_file"]
	s.Pressure, err = readPressure(g)
	note(outcome.PressureFile, err)
	s.limits = readLimits(g, finalLimits)
	s.noteDaemons(g, note)
	for _, up := range g.Ancestors() {
		if a, ok := readAncestor(up, note); ok {
			s.Ancestors = append(s.Ancestors, a)
			if _, unread := s.Unread[outcome.MaxOf(a.Path)]; !unread { // else 0, which nobody has set
				s.limits = append(s.limits, limitReading{limitKey{a.Path, "memory.max"}, a.Max})
			}
		}
		s.noteDaemons(up, note)
	}
	note = noteIn(s.UnreadBelow)
	for _, down := range below {
		if a, ok := readAncestor(down, note); ok {
			s.Below = append(s.Below, a)
		}
		s.noteDaemons(down, note)
	}
	return s
}

func noteIn(unread map[outcome.Source]string) func(from outcome.Source, err error) {
	return func(from outcome.Source, err error) {
		if err != nil {
			unread[from] = err.Error()
		}
	}
}

func (s *snapshot) noteDaemons(g *cgroup.Group, note func(from outcome.Source, err error)) {
	kills, err := readDaemonKills(g)
	note(outcome.OOMDOf(g.Name()), err)
	s.Daemons = append(s.Daemons, kills...)
}

// readAncestor reads a cgroup with a limit that is not the cage's. One that has no memory controller
// has no limit either; one that was removed is noted.
func readAncestor(g *cgroup.Group, note func(from outcome.Source, err error)) (a outcome.Ancestor, ok bool) {
	a.Path = g.Name()
	var err error
	a.EventsLocal, err = readEvents(g, "memory.events.local")
	if errors.Is(err, fs.ErrNotExist) {
		if has, statErr := g.Has("cgroup.procs"); has || statErr != nil {
			return a, false
		}
	}
	note(outcome.EventsOf(a.Path), err)
	size, err := g.ReadSize("memory.max")
	note(outcome.MaxOf(a.Path), err)
	a.Max = Bytes(size)
	return a, true
}

// before reads the cage as it is when a run begins. What an earlier one has left below it counts too.
func (c *Cage) before() snapshot {
	below, err := c.group.Descendants()
	s := takeSnapshot(c, below)
	noteIn(s.Unread)(outcome.Descendants, err)
	return s
}

// between lists the cgroups between the cage and one below it, that one first, without the harness's own.
func (c *Cage) between(name string) []*cgroup.Group {
	own := c.leafGroup()
	if own == nil {
		own = c.containerGroup()
	}
	return slices.DeleteFunc(c.group.Between(name), func(g *cgroup.Group) bool { return own != nil && g.Name() == own.Name() })
}
