package cgroup

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/sys"
)

// Watch tells when the kernel reports a change of a cgroup file such as memory.events or
// cgroup.events. The channel holds one wake-up at most: notifications are rate-limited and
// coalesced by the kernel, and one that is still held back when the cgroup is removed is lost.
// So a receiver reads the file and compares, never counts, and never waits for this alone. stop ends the watch and returns when
// nothing of it is left.
//
// The file is polled for EPOLLPRI through an epoll instance that Go's own poller waits for, so
// that a watch costs no thread, and none of the few inotify instances that a user may have.
func Watch(path string) (changed <-chan struct{}, stop func(), err error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	ep, err := sys.Epoll(fd, unix.EPOLLPRI)
	if err != nil {
		unix.Close(fd)
		return nil, nil, fmt.Errorf("watch %s: %w", path, err)
	}
	c := make(chan struct{}, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer unix.Close(fd)
		defer ep.Close()
		watch(ep, fd, c)
	}()
	return c, func() {
		// Closing a file does not wake a raw reader; a deadline does.
		_ = ep.SetReadDeadline(time.Unix(1, 0))
		<-done
	}, nil
}

func watch(ep *os.File, fd int, c chan<- struct{}) {
	raw, err := ep.SyscallConn()
	if err != nil {
		return
	}
	var events [1]unix.EpollEvent
	var buf [4096]byte
	for {
		gone := false
		err := raw.Read(func(epfd uintptr) bool {
			n, err := unix.EpollWait(int(epfd), events[:], 0)
			if errors.Is(err, unix.EINTR) || n == 0 && err == nil {
				return false
			}
			// Reading the same open file is what re-arms it; a removed cgroup answers ENODEV.
			_, err = unix.Pread(fd, buf[:], 0)
			gone = err != nil
			return true
		})
		if err != nil {
			return
		}
		select {
		case c <- struct{}{}:
		default:
		}
		if gone {
			return
		}
	}
}
