package cgroup

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/shell"
)

// ExplainFork explains EAGAIN, the kernel's answer when no more processes may be made. It adds which pids.max was reached:
// that of g or of a cgroup above it.
func (g *Group) ExplainFork(err error) error {
	return g.explainFull(err, "the user's processes (ulimit -u) or the machine's (kernel.pid_max)", map[string]func(*Group, int) int64{
		"pids.max": func(at *Group, _ int) int64 {
			n, _ := at.ReadSize("pids.current") // what cannot be read is not known to be reached
			return n
		},
	})
}

// explainMkdir explains EAGAIN, the kernel's answer when no more cgroups may be made below g. It adds which limit was reached.
func (g *Group) explainMkdir(err error) error {
	return g.explainFull(err, "that of a cgroup outside this namespace", map[string]func(*Group, int) int64{
		"cgroup.max.descendants": func(at *Group, _ int) int64 {
			stat, _ := at.ReadKeyed("cgroup.stat")
			return int64(stat["nr_descendants"])
		},
		"cgroup.max.depth": func(_ *Group, below int) int64 { return int64(below) },
	})
}

// explainFull finds the file whose limit is used up, in g or, below cgroups further down, above it.
func (g *Group) explainFull(err error, otherwise string, used map[string]func(at *Group, below int) int64) error {
	if !errors.Is(err, unix.EAGAIN) {
		return err
	}
	for below, at := range append([]*Group{g}, g.Ancestors()...) {
		for file, used := range used {
			text, readErr := at.Read(file)
			if readErr != nil {
				continue // the kernel's root has no limits, and some cgroups no pids controller
			}
			// "max" is no number.
			limit, parseErr := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			if path := filepath.Join(at.path, file); parseErr == nil && used(at, below) >= limit {
				return fmt.Errorf("%w: %s is %d, and that is reached: end what is not needed below it, or echo max > %s", err, path, limit, shell.Join(path))
			}
		}
	}
	return fmt.Errorf("%w: no limit of a cgroup that can be seen is reached; it may be %s", err, otherwise)
}
