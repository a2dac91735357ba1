package outcome

import "time"

// Origin is what made an outcome, and where: what a report of it needs besides the evidence. Its zero value is an
// origin that is not known.
type Origin struct {
	Command string    `json:"command,omitempty"` // the command line of the whole sweep, as a shell takes it: without -shard, -out and -resume
	Start   time.Time `json:"start,omitzero"`    // of the whole sweep, to the second

	// Points is how many points the sweep has, those of its other shards included. Whoever merges
	// files knows by it whether one is missing.
	Points int `json:"points,omitempty"`

	Kernel  string `json:"kernel,omitempty"`  // its release, as uname -r prints it
	Arch    string `json:"arch,omitempty"`    // as Go names it
	CPUs    int    `json:"cpus,omitempty"`    // that are online
	Memory  Bytes  `json:"memory,omitempty"`  // of the machine
	MicroVM bool   `json:"microvm,omitempty"` // the machine is one that oomcage vm has booted
}
