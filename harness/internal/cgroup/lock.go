package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/shell"
	"oomcage/harness/internal/sys"
)

// lockFile is the file of a cgroup that carries its lock. Anyone may open a cgroup's directory and most of its
// files, and what can be opened can be locked, by another user for ever. This one has the mode 0200
// (cgroup_file_mode in kernel/cgroup/cgroup.c): nobody but its owner and root can open it.
const lockFile = "cgroup.kill"

// lockTimeout bounds the wait for others that make or remove a run, where the context has no end of
// its own: room for another to give up five left-overs that cannot be removed.
const lockTimeout = time.Minute

// openLock opens the file that carries the cgroup's lock. Nothing is written to it.
func openLock(g *Group) (*os.File, error) {
	path := filepath.Join(g.path, lockFile)
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// tryLock takes the lock of a cgroup, or fails with EWOULDBLOCK; that of a run says that its owner
// lives. The kernel drops it with the process.
func tryLock(g *Group) (*os.File, error) {
	f, err := openLock(g)
	if err != nil {
		return nil, err
	}
	if err := sys.Flock(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// lockGuard makes the guard, or takes the one that is there, and locks it: one process at a time makes or
// removes the guard and the runs in it. The lock is held for as long as it takes to make a few cgroups, or to
// remove what a killed run has left. It is not waited for in flock, which would heed no ctx, and would
// wait for ever for a process that is stopped.
func lockGuard(ctx context.Context, b base) (g *Group, unlock func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lockTimeout, fmt.Errorf("not within %v", lockTimeout))
	defer cancel()
	path := filepath.Join(b.dir, guardName)
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 50*time.Millisecond) {
		g, err := create(b.mount, path)
		if errors.Is(err, fs.ErrExist) {
			g, err = &Group{b.mount, path}, nil
		}
		if err != nil {
			return nil, nil, explainRefusal(err)
		}
		lock, err := tryLock(g)
		if err == nil && sys.IsAt(lock) {
			return g, func() { lock.Close() }, nil
		}
		lock.Close()
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) && !IsGone(err) {
			return nil, nil, err
		}
		select {
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("lock %s: %w: another harness holds the lock, for longer than it takes to make a few cgroups: "+
				"if it is stopped, continue it or kill it; fuser -v %s names it", path, context.Cause(ctx), shell.Join(filepath.Join(path, lockFile)))
		case <-time.After(pause):
		}
	}
}

// Numbers are locks by number, each held by one run at most of those below the same guard. The kernel drops
// them with the process. They are record locks of single bytes of the guard's lock file; a write lock takes a
// descriptor that may write.
type Numbers struct {
	file *os.File

	mu   sync.Mutex
	held map[int]bool // by this process, whose locks do not exclude each other
}

func openNumbers(guard *Group) (*Numbers, error) {
	f, err := openLock(guard)
	if err != nil {
		return nil, err
	}
	return &Numbers{file: f, held: make(map[int]bool)}, nil
}

// Lock takes the number, and reports whether nobody had it.
func (n *Numbers) Lock(number int) (bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.held[number] {
		return false, nil
	}
	err := n.set(number, unix.F_WRLCK)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) { // fcntl(2): it may be either
		return false, nil
	}
	n.held[number] = err == nil
	return err == nil, err
}

// Unlock gives the number back.
func (n *Numbers) Unlock(number int) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.held, number)
	return n.set(number, unix.F_UNLCK)
}

func (n *Numbers) set(number int, how int16) error {
	lock := unix.Flock_t{Type: how, Start: int64(number), Len: 1}
	if err := unix.FcntlFlock(n.file.Fd(), unix.F_OFD_SETLK, &lock); err != nil {
		return &fs.PathError{Op: "lock a byte of", Path: n.file.Name(), Err: err}
	}
	return nil
}
