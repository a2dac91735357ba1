//go:build linux

package sweep

import (
	"bytes"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/shell"
	"oomcage/harness/internal/sys"
	"oomcage/harness/outcome"
)

// NewOrigin returns the origin of outcomes that this process makes from now on: this machine, the command, and how many points the
// whole sweep has; 0 for a search. What cannot be read stays zero, as no run should fail for it.
func NewOrigin(command []string, points int) outcome.Origin {
	o := outcome.Origin{
		Command: shell.Join(command...), Start: time.Now().UTC().Truncate(time.Second), Points: points,
		Arch: runtime.GOARCH, CPUs: sys.OnlineCPUs(),
		MicroVM: os.Getenv("OOMCAGE_VM") != "",
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		o.Kernel = string(bytes.TrimSpace(release))
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err == nil {
		o.Memory = outcome.Bytes(info.Totalram) * outcome.Bytes(info.Unit)
	}
	return o
}
