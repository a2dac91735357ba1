package cgroup

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/cgroups/v3/cgroup2"
	"golang.org/x/sys/unix"
)

const (
	// guardName is the cgroup over all cages of all test runs of this machine.
	guardName = "oomcage"
	// guardShare is how much of MemAvailable all cages together may take. A quarter is left
	// to the harness, the compiler and the rest of the machine; a run of all packages with
	// their tests needs less than a tenth of it on a machine of 1 GiB (measured 2026-11).
	guardShare = 0.75
	// asidePrefix begins the name of the cgroup into which a harness moves that had to make way.
	asidePrefix = guardName + "-harness-"
	// removeTimeout bounds the removal of one left-over. A killed process of 100 MB is gone
	// within 50 ms under emulation; the rest is for machines that are busy.
	removeTimeout = 10 * time.Second
	// lockTimeout bounds the wait for others that make or remove a run, where the context has no end of
	// its own: room for another to give up five left-overs that cannot be removed.
	lockTimeout = time.Minute
)

// Run is the cgroup of one test run: the parent of all its cages. It hangs below the guard,
// and is locked by this process for as long as it lives, so that others can tell a run that
// goes on from one that was killed, whatever PID namespace they look from.
type Run struct {
	*Group
	base base
	lock *os.File
}

// NewRun makes the cgroup of a test run, below a guard whose memory.max keeps the machine
// safe. What killed runs left behind is removed first and described by left, one line each.
// The error wraps ErrNotSupported where this machine or user cannot have cages.
func NewRun(ctx context.Context) (r *Run, left []string, err error) {
	if err := requireKernel(); err != nil {
		return nil, nil, err
	}
	b, err := findBase("", os.Geteuid(), mayWrite)
	if err != nil {
		return nil, nil, err
	}
	unlock, err := lockBase(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	if err := makeWay(b); err != nil {
		return nil, nil, err
	}
	left, err = removeLeftOvers(ctx, b)
	if err != nil {
		return nil, left, err
	}
	guard, err := openGuard(b)
	if err != nil {
		return nil, left, err
	}
	r, err = newRun(b, guard)
	if err != nil {
		return nil, left, errors.Join(err, removeGuard(b))
	}
	return r, left, nil
}

// lockBase lets one process at a time make or remove the guard and the runs in it. The lock
// outlives both; it is held for as long as it takes to make a few cgroups, or to remove what
// a killed run has left. It is not waited for in flock, which would heed no ctx, and would wait for
// ever for a process that is stopped.
func lockBase(ctx context.Context, b base) (unlock func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lockTimeout, fmt.Errorf("not within %v", lockTimeout))
	defer cancel()
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 50*time.Millisecond) {
		lock, err := lockDir(b.dir)
		if err == nil {
			return func() { lock.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lock %[1]s: %[2]w: another harness holds the lock, for longer than it takes to make a few cgroups: "+
				"if it is stopped, continue it or kill it; fuser -v %[1]s names it", b.dir, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// requireKernel asks for cgroup.kill, the one sure way to empty a cage.
func requireKernel() error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return fmt.Errorf("uname: %w", err)
	}
	release := unix.ByteSliceToString(u.Release[:])
	var major, minor int
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		return fmt.Errorf("parse the kernel's release %q: %w", release, err)
	}
	if major < 5 || major == 5 && minor < 14 {
		return notSupported("this is Linux "+release, "Linux 5.14 or later, for cgroup.kill", "boot a newer kernel")
	}
	return nil
}

// openGuard makes the guard, or takes the one that is there: its limit stays then, since lowering
// it would kill in the cages of other runs.
func openGuard(b base) (*Group, error) {
	path := filepath.Join(b.dir, guardName)
	g, err := create(b.mount, path)
	if errors.Is(err, fs.ErrExist) {
		return load(b.mount, path)
	}
	if err != nil {
		return nil, explainRefusal(err)
	}
	limit, err := guardLimit(g)
	if err == nil {
		err = g.SetMemory(&cgroup2.Memory{Max: &limit})
	}
	if err == nil {
		err = g.Delegate()
	}
	if err != nil {
		return nil, errors.Join(err, removeTree(path))
	}
	return g, nil
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

// removeGuard removes the guard unless a run is in it.
func removeGuard(b base) error {
	path := filepath.Join(b.dir, guardName)
	err := unix.Rmdir(path)
	if err == nil || errors.Is(err, unix.EBUSY) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return &fs.PathError{Op: "rmdir", Path: path, Err: err}
}

// explainRefusal turns EROFS, and EACCES of a cgroup that was not delegated whole, into errors that a
// user can act on.
func explainRefusal(err error) error {
	if errors.Is(err, unix.EROFS) {
		return notSupported(err.Error(), "a writable cgroup file system", "run the container with --privileged")
	}
	if at := new(fs.PathError); errors.As(err, &at) && errors.Is(err, fs.ErrPermission) {
		return notSupported(fmt.Sprintf("user %d may not write %s", os.Geteuid(), at.Path), "a cgroup that is delegated with all its files",
			fmt.Sprintf("sudo chown %[1]d %[2]s %[2]s/cgroup.procs %[2]s/cgroup.threads %[2]s/cgroup.subtree_control", os.Geteuid(), filepath.Dir(at.Path)))
	}
	return err
}

// makeWay passes the memory controller on to the children of the base. Unless that is the
// kernel's root, it may hold no process then; of those in it, only this one is ours to move.
func makeWay(b base) error {
	g, err := load(b.mount, b.dir)
	if err != nil {
		return err
	}
	if hasController(filepath.Join(b.dir, "cgroup.subtree_control")) {
		return nil
	}
	err = g.Delegate()
	if err == nil || !errors.Is(err, unix.EBUSY) || b.dir != b.own {
		return explainRefusal(err)
	}
	aside, err := create(b.mount, filepath.Join(b.dir, asidePrefix+strings.ToLower(rand.Text()[:8])))
	if err != nil {
		return explainRefusal(err)
	}
	if err := aside.Write("cgroup.procs", strconv.Itoa(os.Getpid())); err != nil {
		return errors.Join(err, removeTree(aside.path))
	}
	err = g.Delegate()
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	others, _ := g.manager.Procs(false)
	back := g.Write("cgroup.procs", strconv.Itoa(os.Getpid()))
	return errors.Join(notSupported(fmt.Sprintf("%s holds other processes: %s", b.dir, describe(others)),
		"a cgroup of its own for the tests (a cgroup with processes can have no children with controllers)",
		fmt.Sprintf("mkdir %[1]s/others && for p in $(cat %[1]s/cgroup.procs); do echo $p > %[1]s/others/cgroup.procs; done", b.dir)),
		back, removeTree(aside.path))
}

func newRun(b base, guard *Group) (*Run, error) {
	g, err := guard.Child(fmt.Sprintf("run-%d-%s", os.Getpid(), strings.ToLower(rand.Text()[:6])))
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(g.path)
	if err != nil {
		return nil, errors.Join(err, removeTree(g.path))
	}
	if err := g.Delegate(); err != nil {
		lock.Close()
		return nil, errors.Join(err, removeTree(g.path))
	}
	return &Run{Group: g, base: b, lock: lock}, nil
}

// Close removes the cgroup of the run, and the guard when this was the last run. What is
// still in it is killed. The base is locked meanwhile: another process that looks for
// left-overs must see the run either locked or gone.
func (r *Run) Close(ctx context.Context) error {
	unlock, err := lockBase(ctx, r.base)
	if err != nil {
		return err
	}
	defer unlock()
	err = r.Remove(ctx)
	r.lock.Close()
	if err != nil {
		return err
	}
	return removeGuard(r.base)
}

// lockDir takes the lock of a cgroup, or fails with EWOULDBLOCK; that of a run says that its owner
// lives. The kernel drops it with the process.
func lockDir(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, &fs.PathError{Op: "flock", Path: path, Err: err}
	}
	return f, nil
}

// removeLeftOvers kills and removes the runs whose owner is gone, and the cgroups of harnesses
// that had made way. When no run is left, the guard goes too: its limit was another day's. What
// cannot be removed, a process that is stuck in the kernel for example, is described, and stands
// in nobody's way.
func removeLeftOvers(ctx context.Context, b base) (left []string, err error) {
	asides, err := filepath.Glob(filepath.Join(b.dir, asidePrefix+"*"))
	if err != nil {
		return nil, fmt.Errorf("look for left-overs: %w", err)
	}
	for _, path := range asides {
		_ = unix.Rmdir(path) // EBUSY: its harness lives
	}
	runs, err := filepath.Glob(filepath.Join(b.dir, guardName, "run-*"))
	if err != nil {
		return nil, fmt.Errorf("look for left-overs: %w", err)
	}
	for _, path := range runs {
		lock, err := lockDir(path)
		if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, fs.ErrNotExist) {
			continue // it lives, or its owner has just removed it
		}
		if err != nil {
			return left, fmt.Errorf("look for left-overs: %w", err)
		}
		line, err := removeLeftOver(ctx, b.mount, path)
		lock.Close()
		if err != nil {
			line = fmt.Sprintf("could not remove %s, left by a run that was killed: %v", path, err)
		}
		left = append(left, line)
	}
	return left, removeGuard(b)
}

func removeLeftOver(ctx context.Context, mount, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	g, err := load(mount, path)
	if err != nil {
		return "", err
	}
	pids, _ := g.Procs()
	who := "no process"
	if len(pids) > 0 {
		who = describe(pids)
	}
	if err := g.Remove(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("removed %s, left by a run that was killed (%s in it)", path, who), nil
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
