package outcome

import "time"

// Memory is one reading of the memory files of a cage.
type Memory struct {
	Current     Bytes  `json:"current"`      // memory.current
	Peak        Bytes  `json:"peak"`         // memory.peak; 0 before Linux 5.19, which has none
	SwapCurrent Bytes  `json:"swap_current"` // memory.swap.current; 0 on kernels without swap accounting
	Events      Events `json:"events"`       // memory.events, the cgroups below included
	EventsLocal Events `json:"events_local"` // memory.events.local, this cgroup alone
}

// Pressure is the total of memory.pressure (Documentation/accounting/psi.rst): for how long tasks of the cage waited for memory.
type Pressure struct {
	Some time.Duration `json:"some"` // at least one of them waited
	Full time.Duration `json:"full"` // all that had something to do waited
}

// Since returns what has been added since before.
func (p Pressure) Since(before Pressure) Pressure {
	return Pressure{Some: p.Some - min(p.Some, before.Some), Full: p.Full - min(p.Full, before.Full)}
}
