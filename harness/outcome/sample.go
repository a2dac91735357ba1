package outcome

import "time"

// Sample is one reading of the cage while the load ran.
type Sample struct {
	At      time.Duration `json:"at"`   // since the run began
	Step    int           `json:"step"` // how many steps had been acknowledged
	Current Bytes         `json:"current"`
	Swap    Bytes         `json:"swap,omitempty"`
	Events  Events        `json:"events,omitzero"` // since the run began

	Pressure Pressure   `json:"pressure,omitzero"` // since the run began
	Stat     MemoryStat `json:"stat,omitzero"`     // its counters since the run began

	// Landmark is a reading right before or after a limit was changed by the schedule: no thinning drops it.
	Landmark bool `json:"landmark,omitempty"`
}
