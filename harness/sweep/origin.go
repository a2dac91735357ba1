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

// NewOrigin says where this process is, what started it, and how many points it shares in. What cannot be
// read stays zero: an origin is worth no run.
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
