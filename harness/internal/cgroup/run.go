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

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/shell"
)

// asidePrefix begins the name of the cgroup into which a harness moves itself, where its own cgroup has to be empty to pass
// controllers on.
const asidePrefix = guardName + "-harness-"

// Run is the cgroup of one test run: the parent of all its cages. It hangs below the guard,
// and is locked by this process for as long as it lives, so that others can tell a run that
// goes on from one that was killed, whatever PID namespace they look from.
type Run struct {
	*Group
	// Numbers are shared with the other runs below the guard.
	Numbers *Numbers
	// Unheld names the limits of this process's cgroups that do not hold the cages, one a line.
	Unheld []string

	base base
	lock *os.File
}

// NewRun makes the cgroup of a test run, below a guard whose memory.max keeps the machine
// safe. What killed runs left behind is removed first and described by left, one line each.
// The error wraps ErrNotSupported where this machine or user cannot have cages.
func NewRun(ctx context.Context) (r *Run, left []string, err error) {
	b, err := support()
	if err != nil {
		return nil, nil, err
	}
	for r == nil && err == nil {
		var more []string
		r, more, err = b.newRun(ctx)
		left = append(left, more...)
	}
	return r, left, err
}

// newRun makes a run, or returns none and no error when it has removed a guard that was left over: its limit
// was set when other memory was available.
func (b base) newRun(ctx context.Context) (r *Run, left []string, err error) {
	guard, unlock, err := lockGuard(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	defer func() {
		if err != nil {
			_, removeErr := removeGuard(guard)
			err = errors.Join(err, removeErr)
		}
	}()
	if err := makeWay(b); err != nil {
		return nil, nil, err
	}
	left, runs, err := removeLeftOvers(ctx, b)
	if err != nil {
		return nil, left, err
	}
	if !hasController(filepath.Join(guard.path, "cgroup.subtree_control")) {
		err = limitGuard(guard)
	} else if runs == 0 {
		gone, err := removeGuard(guard)
		if gone || err != nil {
			return nil, left, err
		}
	}
	if err == nil {
		r, err = makeRun(b, guard)
	}
	return r, left, err
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
			fmt.Sprintf("sudo chown %[1]d %[2]s %[2]s/cgroup.procs %[2]s/cgroup.threads %[2]s/cgroup.subtree_control", os.Geteuid(), shell.Join(filepath.Dir(at.Path))))
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
	if err := requireAlone(b); err != nil {
		return err
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
	// Others came in the meantime.
	back := g.Write("cgroup.procs", strconv.Itoa(os.Getpid()))
	return errors.Join(requireAlone(b), err, back, removeTree(aside.path))
}

func makeRun(b base, guard *Group) (*Run, error) {
	g, err := guard.Child(fmt.Sprintf(runPrefix+"%d-%s", os.Getpid(), strings.ToLower(rand.Text()[:6])))
	if err != nil {
		return nil, err
	}
	r := &Run{Group: g, base: b, Unheld: b.unheld()}
	if r.lock, err = tryLock(g); err == nil {
		r.Numbers, err = openNumbers(guard)
	}
	if err == nil {
		err = g.Delegate()
	}
	if err != nil {
		r.closeFiles()
		return nil, errors.Join(err, removeTree(g.path))
	}
	return r, nil
}

// Close removes the cgroup of the run, and the guard when this was the last run. What is
// still in it is killed. The guard is locked meanwhile: another process that looks for
// left-overs must see the run either locked or gone.
func (r *Run) Close(ctx context.Context) error {
	defer r.closeFiles() // whatever is left is a left-over then, for the next run to remove
	guard, unlock, err := lockGuard(ctx, r.base)
	if err != nil {
		return err
	}
	defer unlock()
	if err := r.Remove(ctx); err != nil {
		return err
	}
	_, err = removeGuard(guard)
	return err
}

func (r *Run) closeFiles() {
	r.lock.Close()
	if r.Numbers != nil {
		r.Numbers.file.Close()
	}
}
