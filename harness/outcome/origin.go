package outcome

import "time"

// Origin is what made an outcome, when and on which machine. A field at its zero value is not known.
type Origin struct {
	Command string    `json:"command,omitempty"` // the command line of the sweep, quoted for a shell, without what says which shard ran and where results went
	Start   time.Time `json:"start,omitzero"`    // when this process began the sweep, to the second, in UTC

	// Points is how many points the sweep has, those of its other shards included, so that a report knows whether
	// one is missing. 0 for a search, which cannot know.
	Points int `json:"points,omitempty"`

	Kernel  string `json:"kernel,omitempty"`  // its release, as uname -r prints it
	Arch    string `json:"arch,omitempty"`    // its architecture by Go's name, such as amd64
	CPUs    int    `json:"cpus,omitempty"`    // how many are online
	Memory  Bytes  `json:"memory,omitempty"`  // the memory of the machine
	MicroVM bool   `json:"microvm,omitempty"` // the machine is a microVM that oomcage vm has booted
}
