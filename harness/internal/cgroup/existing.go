package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/sys"
)

// Existing finds a cgroup that somebody else has made, by its directory or by its name below the mount. Nothing is made or
// written.
func Existing(path string) (*Group, error) { return existing("", path) }

// existing has root as findBase has it.
func existing(root, path string) (*Group, error) {
	g, err := at(root, path)
	if err != nil {
		return nil, err
	}
	has, err := g.Has("cgroup.procs")
	if err != nil {
		return nil, fmt.Errorf("look for the cgroup %s: %w", path, err)
	}
	if !has {
		return nil, fmt.Errorf("there is no cgroup %s: %s, and systemd-cgls lists those that there are", g.path, nearestExisting(g.mount, g.path))
	}
	return g, nil
}

// At is a cgroup that need not be there yet.
func At(path string) (*Group, error) { return at("", path) }

func at(root, path string) (*Group, error) {
	mount, err := mounted(root)
	if err != nil {
		return nil, err
	}
	dir := filepath.Clean(path)
	if dir != mount && !strings.HasPrefix(dir, mount+"/") {
		dir = filepath.Join(mount, dir)
	}
	return &Group{mount, dir}, nil
}

// nearestExisting says how much of a path there is.
func nearestExisting(mount, dir string) string {
	for up := filepath.Dir(dir); strings.HasPrefix(up, mount); up = filepath.Dir(up) {
		if _, err := os.Stat(up); err == nil {
			return "the nearest that there is is " + up
		}
	}
	return "not even " + mount + " is there"
}

// mounted is where cgroup v2 is mounted.
func mounted(root string) (string, error) {
	ms, err := readMounts(filepath.Join(root, "/proc/self/mountinfo"))
	if err != nil {
		return "", unreadable("the mounts", err)
	}
	if v1, ok := ms.memoryV1(); ok {
		return "", fmt.Errorf("%w: the memory controller is bound to cgroup v1 (mounted at %s), which counts no kills for each cgroup: boot with systemd.unified_cgroup_hierarchy=1",
			ErrNotSupported, v1.point)
	}
	v2, ok := ms.unified()
	if !ok {
		return "", fmt.Errorf("%w: no cgroup v2 file system is mounted: mount -t cgroup2 none /sys/fs/cgroup", ErrNotSupported)
	}
	return filepath.Join(root, v2.point), nil
}

// OfProcess finds the cgroup of a process.
func OfProcess(pid int) (*Group, error) {
	mount, err := mounted("")
	if err != nil {
		return nil, err
	}
	return ofProcess(mount, pid)
}

// OfProcess is as the function of this name, below g's mount: it does not look for that again.
func (g *Group) OfProcess(pid int) (*Group, error) { return ofProcess(g.mount, pid) }

func ofProcess(mount string, pid int) (*Group, error) {
	text, err := sys.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return nil, fmt.Errorf("there is no process %d", pid)
	}
	if err != nil {
		return nil, fmt.Errorf("find the cgroup of process %d: %w", pid, err)
	}
	for line := range strings.Lines(text) {
		name, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::")
		switch {
		case !ok:
		case strings.HasPrefix(name, "/.."):
			return nil, fmt.Errorf("the cgroup of process %d (%s) is outside of this cgroup namespace: run where it can be seen, a container with --cgroupns=host", pid, name)
		default:
			return &Group{mount, filepath.Join(mount, strings.TrimSuffix(name, " (deleted)"))}, nil
		}
	}
	return nil, fmt.Errorf("process %d is in no cgroup of v2", pid)
}

// Charged is the cgroup that pays for what is in g: g itself where it has the memory controller, or the next one above that has.
func (g *Group) Charged() (*Group, error) {
	for _, at := range append([]*Group{g}, g.Ancestors()...) {
		has, err := at.Has("memory.events")
		if err != nil {
			return nil, fmt.Errorf("look for memory.events: %w", err)
		}
		if has {
			return at, nil
		}
	}
	return nil, fmt.Errorf("neither %s nor a cgroup above it has memory.events, so the kernel counts no kills for it: it takes the memory controller, which a systemd unit gets by MemoryAccounting=yes or any of its limits", g.path)
}

// Above is the cgroup right above g that counts what is below it, or nil: the kernel's own root does not count.
func (g *Group) Above() *Group {
	up := g.Ancestors()
	if len(up) == 0 {
		return nil
	}
	if has, _ := up[0].Has("memory.events"); !has {
		return nil
	}
	return up[0]
}

// Children lists the cgroups right below g.
func (g *Group) Children() ([]*Group, error) {
	entries, err := os.ReadDir(g.path)
	if err != nil {
		return nil, err
	}
	var below []*Group
	for _, e := range entries {
		if e.IsDir() {
			below = append(below, &Group{g.mount, filepath.Join(g.path, e.Name())})
		}
	}
	return below, nil
}

// ID tells a cgroup from an earlier one of the same name: it is the inode of its directory.
func (g *Group) ID() (uint64, error) {
	var stat unix.Stat_t
	if err := unix.Stat(g.path, &stat); err != nil {
		return 0, &fs.PathError{Op: "stat", Path: g.path, Err: err}
	}
	return stat.Ino, nil
}
