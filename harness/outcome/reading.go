package outcome

import "time"

// Memory is one reading of a cage.
type Memory struct {
	Current     Bytes  `json:"current"`      // memory.current
	Peak        Bytes  `json:"peak"`         // memory.peak; 0 before Linux 5.19, which has none
	SwapCurrent Bytes  `json:"swap_current"` // memory.swap.current; 0 on kernels without swap accounting
	Events      Events `json:"events"`       // memory.events, the cgroups below included
	EventsLocal Events `json:"events_local"` // memory.events.local, this cgroup alone
}

// Pressure is how long tasks of the cage stalled for want of memory: Some of them, or all of
// them at once (Full). The source is memory.pressure (Documentation/accounting/psi.rst).
type Pressure struct {
	Some time.Duration `json:"some"`
	Full time.Duration `json:"full"`
}

// Since returns what has been lost after before.
func (p Pressure) Since(before Pressure) Pressure {
	return Pressure{Some: p.Some - min(p.Some, before.Some), Full: p.Full - min(p.Full, before.Full)}
}
