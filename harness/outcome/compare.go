package outcome

import (
	"maps"
	"slices"
)

// Reading is one reading of everything that is compared for Evidence. What could not be read is zero, and named in Unread. Counters are
// those since the cgroups were made.
type Reading struct {
	Memory
	Stat      MemoryStat   // memory.stat
	Refaults  uint64       // workingset_refault_anon and _file of memory.stat together
	Pressure  Pressure     // memory.pressure
	Ancestors []Ancestor   // the cgroups above the cage, the nearest first
	Below     []Ancestor   // those between the cage and the target, the target's own first
	Daemons   []DaemonKill // of the cage and those above and below it

	Unread      map[Source]string // what could not be read, and why; not nil
	UnreadBelow map[Source]string // the same of cgroups below the cage
}

// Since returns the evidence of what has happened since an earlier reading: counters as differences, and sizes as they are after it.
// Where a counter fell, or a cgroup is gone, the result's Unread says so. It writes into the Unread of after.
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
