package sys

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// lockTries bounds how often a lock is tried that only readers hold: another writer may have come and gone
// between the look at it and the try before.
const lockTries = 3

// LockFile locks a file that is open for writing, as long as it is open, or fails with EWOULDBLOCK where another
// writer has. Whoever may only read the file stops nobody: flock would let them, and so do read locks (fcntl(2),
// F_OFD_SETLK), which exclude a write lock. So a file that only readers have locked is taken without a lock. A
// reader can take away this protection, but not the file.
func LockFile(f *os.File) error {
	var err error
	for range lockTries {
		if err = ofd(f, unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != unix.EAGAIN && err != unix.EACCES { //nolint:errorlint // of the system call itself
			return err
		}
		asked := unix.Flock_t{Type: unix.F_RDLCK} // which a write lock excludes, and a read lock does not
		if err := ofd(f, unix.F_OFD_GETLK, &asked); err != nil {
			return err
		}
		if asked.Type == unix.F_WRLCK {
			return unix.EWOULDBLOCK
		}
	}
	return nil
}

func ofd(f *os.File, cmd int, lock *unix.Flock_t) error {
	conn, err := f.SyscallConn() // Fd would make it blocking
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = unix.FcntlFlock(fd, cmd, lock) }); err != nil {
		return err
	}
	return failed
}

// LockFolder locks a folder as long as the file is open, or fails with EWOULDBLOCK. It follows no link. Whoever can
// read the folder can lock it too, so it is for folders of mode 0700.
func LockFolder(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := Flock(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Flock takes the lock of flock(2) of a file that is open in any way, as long as it is open, or fails with
// EWOULDBLOCK. Whoever can open the file can have it.
func Flock(f *os.File) error {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return &fs.PathError{Op: "flock", Path: f.Name(), Err: err}
	}
	return nil
}

// AwaitLock waits for the lock that Flock takes. flock itself can't be cancelled, so the attempt is left behind when
// ctx ends: the process does too.
func AwaitLock(ctx context.Context, f *os.File) error {
	// A descriptor of the attempt's own: f may be closed while it still waits. Both share one lock.
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	done := make(chan error, 1)
	go func() {
		defer unix.Close(fd)
		for {
			err := unix.Flock(fd, unix.LOCK_EX)
			if !errors.Is(err, unix.EINTR) {
				done <- err
				return
			}
		}
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
