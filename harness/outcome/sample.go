package outcome

import "time"

// Sample is one reading of the cage while the load ran.
type Sample struct {
	At      time.Duration `json:"at"`              // since the run began
	Step    int           `json:"step"`            // how many steps had been acknowledged
	Current Bytes         `json:"current"`         // memory.current
	Swap    Bytes         `json:"swap,omitempty"`  // memory.swap.current
	Events  Events        `json:"events,omitzero"` // memory.events, since the run began

	Pressure Pressure   `json:"pressure,omitzero"` // memory.pressure, since the run began
	Stat     MemoryStat `json:"stat,omitzero"`     // memory.stat, its counters since the run began

	// Landmark is set for the readings right before and right after the schedule changed a limit, which Halve never drops.
	Landmark bool `json:"landmark,omitempty"`
}
