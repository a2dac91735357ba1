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
	hasSwap, err := swapAccounted(g)
	if err != nil {
		return Limits{}, err
	}
	if !hasSwap && l.Swap != 0 {
		return Limits{}, fmt.Errorf("%w: set memory.swap.max of %s: the file is missing; a kernel with swap accounting is needed: boot with swapaccount=1",
			ErrNotSupported, g.Path())
	}
	if err := g.SetMemory(asMemory(&l, hasSwap)); err != nil {
		return Limits{}, err
	}
	got := l
	if err := readAllBack(g, &got, hasSwap); err != nil {
		return Limits{}, err
	}
	for file, value := range l.Files {
		if err := g.Write(file, value); err != nil {
			return Limits{}, fmt.Errorf("set %s of the cage: %w", file, err)
		}
	}
	return got, nil
}

// asMemory are the limits as the library writes them. It leaves alone what is nil.
func asMemory(l *Limits, hasSwap bool) *cgroup2.Memory {
	m := &cgroup2.Memory{}
	for _, f := range sizes(l) {
		if *f.size != 0 {
			*f.field(m) = (*int64)(f.size)
		}
	}
	if hasSwap {
		m.Swap = (*int64)(&l.Swap)
	}
	if l.OOMGroup {
		m.OOMGroup = &l.OOMGroup
	}
	return m
}

// readAllBack replaces the limits that were written by what the kernel has made of them.
func readAllBack(g *cgroup.Group, l *Limits, hasSwap bool) error {
	for _, f := range sizes(l) {
		if *f.size == 0 {
			continue
		}
		if err := readBack(g, f); err != nil {
			return err
		}
	}
	if hasSwap {
		if err := readBack(g, sizeFile{"memory.swap.max", &l.Swap, nil}); err != nil {
			return err
		}
	}
	if !l.OOMGroup {
		return nil
	}
	n, err := g.ReadSize("memory.oom.group")
	if err == nil && n != 1 {
		err = fmt.Errorf("set memory.oom.group of %s: wrote 1 and read back %d", g.Path(), n)
	}
	return err
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

// validate says what of the limits cannot be set here.
func validate(l Limits) error {
	if err := l.Validate(); err != nil {
		return err
	}
	return checkHigh(l)
}

// checkHigh refuses a memory.high that the kernel would make 0.
func checkHigh(l Limits) error {
	if page := Bytes(os.Getpagesize()); l.High > 0 && l.High < page {
		return fmt.Errorf("the limit High is %d bytes, which the kernel rounds down to 0: at least a page of %d is needed", l.High, page)
	}
	return nil
}

// highOf is the memory.high that a change makes; 0 of another limit.
func highOf(c Change) Bytes {
	if c.Limit == "high" {
		return c.To
	}
	return 0
}
