package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/cgroups/v3/cgroup2"
	"golang.org/x/sys/unix"

	"oomcage/harness/internal/sys"
)

// Group is one cgroup, by its place.
type Group struct {
	mount string
	path  string
}

// Path is the cgroup's directory.
func (g *Group) Path() string { return g.path }

// Name is the cgroup's path as the kernel prints it, below the mount.
func (g *Group) Name() string {
	return "/" + strings.TrimPrefix(strings.TrimPrefix(g.path, g.mount), "/")
}

// create makes the cgroup at path, which must not exist: counters are cumulative, so a cgroup
// that somebody used before would bring its kills along (cgroup2.NewManager reuses silently).
func create(mount, path string) (*Group, error) {
	if err := unix.Mkdir(path, 0o755); err != nil {
		above := &Group{mount, filepath.Dir(path)}
		return nil, above.explainMkdir(&fs.PathError{Op: "mkdir", Path: path, Err: err})
	}
	return &Group{mount, path}, nil
}

func (g *Group) manager() (*cgroup2.Manager, error) {
	return cgroup2.Load(g.Name(), cgroup2.WithMountpoint(g.mount))
}

// Child makes a cgroup below g, with g's memory and pids controllers passed on to it.
func (g *Group) Child(name string) (*Group, error) {
	return create(g.mount, filepath.Join(g.path, name))
}

// Delegate passes the controllers on to the cgroups below g. The kernel refuses with EBUSY
// while g itself holds processes.
func (g *Group) Delegate() error {
	m, err := g.manager()
	var have []string
	if err == nil {
		have, err = m.Controllers()
	}
	if err != nil {
		return fmt.Errorf("read the controllers of %s: %w", g.path, err)
	}
	want := []string{"+memory"}
	if slices.Contains(have, "pids") {
		want = append(want, "+pids")
	}
	ctx, cancel := leaving()
	defer cancel()
	return whileBusy(ctx, func() error { return g.Write("cgroup.subtree_control", strings.Join(want, " ")) }, g.inUse)
}

// SetMemory writes the limits that are not nil.
func (g *Group) SetMemory(m *cgroup2.Memory) error {
	manager, err := g.manager()
	if err == nil {
		err = manager.Update(&cgroup2.Resources{Memory: m})
	}
	if err != nil {
		return fmt.Errorf("set the limits of %s: %w", g.path, err)
	}
	return nil
}

// Write writes one of the cgroup's files. It does not go through os.WriteFile, which opens
// with O_NONBLOCK: memory.reclaim then answers EAGAIN, and from Linux 6.16 a lowered
// memory.max reclaims nothing. No signal cuts short what the kernel does before it returns.
func (g *Group) Write(file, value string) error {
	path := filepath.Join(g.path, file)
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	err = sys.WithoutSignals(func() error {
		_, err := unix.Write(fd, []byte(value))
		return err
	})
	if err != nil {
		return &fs.PathError{Op: "write " + value + " to", Path: path, Err: err}
	}
	return nil
}

// Open opens the cgroup's directory, for clone3's CLONE_INTO_CGROUP.
func (g *Group) Open() (*os.File, error) {
	return os.OpenFile(g.path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// Ancestors lists the cgroups above g that can be seen, the nearest first. The kernel's own root
// is left out: it has no limits and no memory.events. The root of a cgroup namespace has both.
func (g *Group) Ancestors() []*Group {
	var up []*Group
	for dir := filepath.Dir(g.path); strings.HasPrefix(dir, g.mount); dir = filepath.Dir(dir) {
		if dir == g.mount && !g.Hidden() {
			break
		}
		up = append(up, &Group{g.mount, dir})
	}
	return up
}

// Hidden reports whether a cgroup namespace hides the limits above the mount. The kernel's own root
// has no cgroup.type file.
func (g *Group) Hidden() bool {
	_, err := os.Stat(filepath.Join(g.mount, "cgroup.type"))
	return err == nil
}

// Has reports whether the cgroup has the file: a kernel may lack what the file is about.
func (g *Group) Has(file string) (bool, error) {
	_, err := os.Stat(filepath.Join(g.path, file))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Procs lists the processes in g and below it. One of another PID namespace is a 0, as is one that is reaped just then. An error that
// IsGone is about g itself: of a cgroup below it, which may be removed meanwhile, there is nothing to list.
func (g *Group) Procs() ([]uint64, error) {
	pids, err := g.members()
	if err != nil {
		return nil, err
	}
	below, err := g.Descendants()
	for _, down := range below {
		more, memberErr := down.members()
		if !errors.Is(memberErr, unix.EOPNOTSUPP) { // of a threaded cgroup: they are listed in its domain, above
			err = errors.Join(err, ifThere(memberErr))
		}
		pids = append(pids, more...)
	}
	return pids, err
}

// members lists the processes in g itself. The library's Procs walks the folder, and fails where a cgroup below is removed meanwhile.
func (g *Group) members() (pids []uint64, err error) {
	text, err := g.Read("cgroup.procs")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(text) {
		pid, err := strconv.ParseUint(strings.TrimSuffix(line, "\n"), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", filepath.Join(g.path, "cgroup.procs"), err)
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// DescribeProcs names the processes in g and below it, for an error message.
func (g *Group) DescribeProcs() string {
	pids, _ := g.Procs()
	return describe(pids)
}

// describe names processes for an error message.
func describe(pids []uint64) string {
	var who []string
	for _, pid := range pids {
		comm, err := sys.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil {
			continue
		}
		who = append(who, fmt.Sprintf("%s[%d]", strings.TrimSpace(comm), pid))
	}
	if len(who) == 0 {
		return "no process that can be named"
	}
	return strings.Join(who, ", ")
}
