package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strings"

	"github.com/containerd/cgroups/v3/cgroup2"
	"golang.org/x/sys/unix"
)

const (
	// guardName is the cgroup over all cages of all test runs that have the same base.
	guardName = "oomcage"
	// guardShare is how much of MemAvailable all cages together may take. A quarter is left
	// to the harness, the compiler and the rest of the machine; a run of all packages with
	// their tests needs less than a tenth of it on a machine of 1 GiB (measured 2026-11).
	guardShare = 0.75
)

// limitGuard gives a new guard its limit. That of one with runs in it stays as it is, since lowering it would
// kill in their cages.
func limitGuard(g *Group) error {
	limit, err := guardLimit(g)
	if err == nil {
		err = g.SetMemory(&cgroup2.Memory{Max: &limit})
	}
	if err == nil {
		err = g.Delegate() // the last: it says that the limit is set
	}
	return err
}

// guardLimit is the guard's share of what is available: on the machine, and below the limits of
// the cgroups above, a container's for example.
func guardLimit(g *Group) (int64, error) {
	available, err := memAvailable("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for _, up := range g.Ancestors() {
		limit, err := up.ReadSize("memory.max")
		if err != nil || limit == math.MaxInt64 {
			continue // not every cgroup above has the controller
		}
		used, err := up.ReadSize("memory.current")
		if err != nil {
			return 0, err
		}
		available = min(available, max(limit-used, 0))
	}
	return int64(float64(available) * guardShare), nil
}

// removeGuard removes the guard, which the caller has locked, unless something is in it.
func removeGuard(g *Group) (gone bool, err error) {
	err = unix.Rmdir(g.path)
	if errors.Is(err, unix.EBUSY) {
		return false, nil
	}
	if err == nil || errors.Is(err, unix.ENOENT) {
		return true, nil
	}
	return false, &fs.PathError{Op: "rmdir", Path: g.path, Err: err}
}

// memAvailable reads MemAvailable, in bytes.
func memAvailable(path string) (int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
			var kib int64
			if _, err := fmt.Sscanf(rest, "%d kB", &kib); err != nil {
				return 0, fmt.Errorf("parse %s: %q: %w", path, line, err)
			}
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("parse %s: it has no MemAvailable", path)
}
