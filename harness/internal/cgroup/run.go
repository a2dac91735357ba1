package cgroup

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// asidePrefix begins the name of the cgroup into which a harness moves that had to make way.
const asidePrefix = guardName + "-harness-"

// lockTimeout bounds the wait for others that make or remove a run, where the context has no end of
// its own: room for another to give up five left-overs that cannot be removed.
const lockTimeout = time.Minute

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
	g := &Group{b.mount, b.dir}
	if hasController(filepath.Join(b.dir, "cgroup.subtree_control")) {
		return nil
	}
	err := g.Delegate()
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
	others, _ := g.procs(false)
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
	defer r.lock.Close() // whatever is left is a left-over then, for the next run to remove
	unlock, err := lockBase(ctx, r.base)
	if err != nil {
		return err
	}
	defer unlock()
	err = r.Remove(ctx)
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
