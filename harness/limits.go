package harness

import (
	"fmt"
	"os"

	"github.com/containerd/cgroups/v3/cgroup2"
	"golang.org/x/sys/unix"

	"oomcage/harness/internal/cgroup"
)

// setLimits writes the limits and returns them as the kernel reads them back.
func setLimits(g *cgroup.Group, l Limits) (Limits, error) {
	m := &cgroup2.Memory{}
	for _, f := range sizes(&l) {
		if *f.size != 0 {
			*f.field(m) = (*int64)(f.size)
		}
	}
	if l.OOMGroup {
		m.OOMGroup = &l.OOMGroup
	}
	hasSwap, err := swapAccounted(g)
	if err != nil {
		return Limits{}, err
	}
	if hasSwap {
		m.Swap = (*int64)(&l.Swap)
	} else if l.Swap != 0 {
		return Limits{}, fmt.Errorf("%w: set memory.swap.max of %s: the file is missing; a kernel with swap accounting is needed: boot with swapaccount=1",
			ErrNotSupported, g.Path())
	}
	if err := g.SetMemory(m); err != nil {
		return Limits{}, err
	}
	got := l
	for _, f := range append(sizes(&got), sizeFile{"memory.swap.max", &got.Swap, nil}) {
		if *f.size == 0 && (f.file != "memory.swap.max" || !hasSwap) {
			continue
		}
		if err := readBack(g, f); err != nil {
			return Limits{}, err
		}
	}
	if l.OOMGroup {
		n, err := g.ReadSize("memory.oom.group")
		if err != nil {
			return Limits{}, err
		}
		if n != 1 {
			return Limits{}, fmt.Errorf("set memory.oom.group of %s: wrote 1 and read back %d", g.Path(), n)
		}
	}
	for file, value := range l.Files {
		if err := g.Write(file, value); err != nil {
			return Limits{}, fmt.Errorf("set %s of the cage: %w", file, err)
		}
	}
	return got, nil
}

type sizeFile struct {
	file  string
	size  *Bytes
	field func(*cgroup2.Memory) **int64
}

// sizes are the limits that 0 leaves at the kernel's default.
func sizes(l *Limits) []sizeFile {
	return []sizeFile{
		{"memory.min", &l.Min, func(m *cgroup2.Memory) **int64 { return &m.Min }},
		{"memory.low", &l.Low, func(m *cgroup2.Memory) **int64 { return &m.Low }},
		{"memory.high", &l.High, func(m *cgroup2.Memory) **int64 { return &m.High }},
		{"memory.max", &l.Max, func(m *cgroup2.Memory) **int64 { return &m.Max }},
	}
}

// readBack replaces the size by what the kernel has made of it, which is the size rounded
// down to a page. Anything else means that the limit is not in force.
func readBack(g *cgroup.Group, f sizeFile) error {
	n, err := g.ReadSize(f.file)
	if err != nil {
		return err
	}
	got, page := Bytes(n), Bytes(os.Getpagesize())
	if want := *f.size - *f.size%page; got != want && !(*f.size >= Unlimited-page && got == Unlimited) {
		return fmt.Errorf("set %s of %s: wrote %d and read back %d", f.file, g.Path(), *f.size, got)
	}
	*f.size = got
	return nil
}

// swapAccounted reports whether the cage can limit swap. Without accounting, a machine that has
// swap must be refused: what was to be killed would be swapped out instead.
func swapAccounted(g *cgroup.Group) (bool, error) {
	has, err := g.Has("memory.swap.max")
	if has {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for memory.swap.max: %w", err)
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return false, fmt.Errorf("look for swap: %w", err)
	}
	if info.Totalswap > 0 {
		return false, fmt.Errorf("%w: this machine has swap, and its kernel does not account it to cgroups; one that does is needed: boot with swapaccount=1, or swapoff -a",
			ErrNotSupported)
	}
	return false, nil
}
