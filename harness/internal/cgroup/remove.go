package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/sys"
)

// KillProcessGroup kills the processes in g that belong to a process group, and waits until none
// is left. Each is held by a pidfd while it is looked at, so that no process which has got the
// id of one that ended is killed.
func (g *Group) KillProcessGroup(ctx context.Context, pgid int) error {
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 50*time.Millisecond) {
		pids, err := g.Procs()
		if IsGone(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list the processes of %s: %w", g.path, err)
		}
		found := false
		for _, pid := range pids {
			killed, err := g.killMember(int(pid), pgid)
			if err != nil {
				return err
			}
			found = found || killed
		}
		if !found {
			return nil
		}
		// The kernel tells nobody that one of several processes has left a cgroup.
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the end of process group %d in %s: %w", pgid, g.path, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// anyGroup stands for every process group.
const anyGroup = 0

// killMember sends SIGKILL to a process that is in g or below it, and in the process group, and reports whether
// there was one. The kernel lists a process as 0 that is reaped just then.
func (g *Group) killMember(pid, pgid int) (bool, error) {
	if pid == 0 {
		return false, nil
	}
	killed, err := func() (bool, error) {
		fd, err := unix.PidfdOpen(pid, 0)
		if errors.Is(err, unix.EINVAL) {
			return false, nil // before Linux 6.15: reaped between the lookup of the id and of its process
		}
		if err != nil {
			return false, err
		}
		defer unix.Close(fd)
		if got, err := unix.Getpgid(pid); err != nil || pgid != anyGroup && got != pgid {
			return false, err
		}
		now, err := sys.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		if err != nil || !g.holds(now) {
			return false, err
		}
		return true, unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}()
	if errors.Is(err, unix.ESRCH) || errors.Is(err, fs.ErrNotExist) { // it has ended
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("kill process %d in %s: %w", pid, g.path, err)
	}
	return killed, nil
}

// holds reports whether a process with this /proc/PID/cgroup is in g or below it.
func (g *Group) holds(membership string) bool {
	for line := range strings.Lines(membership) {
		if name, ok := strings.CutPrefix(line, "0::"); ok {
			return strings.HasPrefix(strings.TrimSpace(name)+"/", g.Name()+"/")
		}
	}
	return false
}

// Remove kills every process in g and below it, waits until the kernel reports the cgroup
// empty, and removes it with everything below. A cgroup that is gone already is no error.
// Killing and then waiting for "populated 0" in cgroup.events is the kernel's advice;
// cgroup.procs may lag behind it.
func (g *Group) Remove(ctx context.Context) error {
	if err := removeTree(g.path); err == nil {
		return nil
	}
	if err := g.Kill(); err != nil {
		return err
	}
	if err := g.WaitEmpty(ctx); err != nil {
		return err
	}
	return whileBusy(ctx, func() error { return removeTree(g.path) }, func() bool { return false })
}

// Kill sends SIGKILL to every process in g and below it. A cgroup that is gone already is no error.
func (g *Group) Kill() error {
	err := g.Write("cgroup.kill", "1")
	if IsGone(err) {
		if _, gone := os.Stat(g.path); errors.Is(gone, fs.ErrNotExist) {
			return nil
		}
	}
	return err
}

// WaitEmpty waits until the kernel reports no process in g and below it. A cgroup that is gone
// is empty.
func (g *Group) WaitEmpty(ctx context.Context) error {
	changed, stop, err := Watch(filepath.Join(g.path, "cgroup.events"))
	if err != nil {
		return ifThere(err)
	}
	defer stop()
	// A notification that is still held back when somebody else removes the cgroup is lost.
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		if populated, err := g.Populated(); err != nil || !populated {
			return err
		}
		select {
		case <-changed:
		case <-again.C:
		case <-ctx.Done():
			pids, _ := g.Procs()
			return fmt.Errorf("wait for %s to become empty: %w; still there: %s", g.path, context.Cause(ctx), describe(pids))
		}
	}
}

// removeTree removes the cgroup at path and those below it, the deepest first. The kernel
// refuses with EBUSY while there is a process or a child.
func removeTree(path string) error {
	err := unix.Rmdir(path)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	entries, readErr := os.ReadDir(path)
	if readErr != nil {
		if errors.Is(readErr, fs.ErrNotExist) {
			return nil
		}
		return readErr
	}
	var below bool
	for _, e := range entries {
		if e.IsDir() {
			below = true
			if err := removeTree(filepath.Join(path, e.Name())); err != nil {
				return err
			}
		}
	}
	if below {
		err = unix.Rmdir(path)
	}
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return &fs.PathError{Op: "rmdir", Path: path, Err: err}
}
