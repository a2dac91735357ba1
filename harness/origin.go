package harness

import (
	"bytes"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Origin is what made an outcome, and where: what a report of it needs besides the evidence. The zero
// value says that nobody knows.
type Origin struct {
	Command string    `json:"command,omitempty"` // the command line, as a shell takes it
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

// NewOrigin says where this process is, what started it, and how many points it shares in. What cannot be
// read stays zero: an origin is worth no run.
func NewOrigin(command []string, points int) Origin {
	o := Origin{
		Command: shell(command), Start: time.Now().UTC().Truncate(time.Second), Points: points,
		Arch: runtime.GOARCH, CPUs: onlineCPUs("/sys/devices/system/cpu/online"),
		MicroVM: os.Getenv("OOMCAGE_VM") != "",
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		o.Kernel = string(bytes.TrimSpace(release))
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err == nil {
		o.Memory = Bytes(info.Totalram) * Bytes(info.Unit)
	}
	return o
}
