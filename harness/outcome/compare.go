package outcome

import (
	"maps"
	"slices"
)

// Reading is one reading of all that Evidence compares. What could not be read is zero, and named in Unread.
type Reading struct {
	Memory
	Stat      MemoryStat
	Refaults  uint64
	Pressure  Pressure
	Ancestors []Ancestor // the cgroups above the cage, the nearest first
	Below     []Ancestor // those between the cage and the target, the target's own first
	Daemons   []DaemonKill

	Unread      map[Source]string // what could not be read, and why
	UnreadBelow map[Source]string // the same of the cgroups in Below, or that would be there
}

// Since returns what has happened after before: counters as differences, and sizes as they are.
func (after Reading) Since(before Reading) Evidence {
	maps.Copy(after.Unread, before.Unread)
	maps.Copy(after.Unread, after.UnreadBelow)
	for source, err := range before.UnreadBelow { // of many, of which the target was in few
		if slices.ContainsFunc(after.Below, func(b Ancestor) bool { return b.Path == source.cgroup() }) {
			after.Unread[source] = err
		}
	}
	e := Evidence{
		Current: after.Current, Peak: after.Peak, SwapCurrent: after.SwapCurrent, Stat: after.Stat.Since(before.Stat),
		Refaults: after.Refaults - min(after.Refaults, before.Refaults),
		Pressure: after.Pressure.Since(before.Pressure),
		Unread:   after.Unread,
	}
	since := func(source Source, to, from Events) Events {
		if e.Unread[source] != "" {
			return Events{}
		}
		d, err := to.Since(from)
		if err != nil {
			e.Unread[source] = err.Error()
		}
		return d
	}
	if e.Unread[PressureFile] != "" {
		e.Pressure = Pressure{}
	}
	e.Events = since(EventsFile, after.Events, before.Events)
	e.EventsLocal = since(EventsFile, after.EventsLocal, before.EventsLocal)
	e.DaemonKills = daemonKillsSince(after.Daemons, before.Daemons)
	// By their paths: a cgroup that gets or loses the memory controller during the run is in one of the
	// two lists alone.
	compared := func(list, earlier []Ancestor) (all []Ancestor) {
		for _, a := range list {
			if i := slices.IndexFunc(earlier, func(b Ancestor) bool { return b.Path == a.Path }); i >= 0 {
				a.EventsLocal = since(EventsOf(a.Path), a.EventsLocal, earlier[i].EventsLocal)
			}
			all = append(all, a)
		}
		return all
	}
	e.Ancestors = compared(after.Ancestors, before.Ancestors)
	e.Below = compared(after.Below, before.Below)
	for _, b := range before.Ancestors {
		if !slices.ContainsFunc(after.Ancestors, func(a Ancestor) bool { return a.Path == b.Path }) {
			e.Unread[EventsOf(b.Path)] = "it was there when the run began, and is not any more"
		}
	}
	return e
}
