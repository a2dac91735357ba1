// Package sys makes the system calls that package os makes otherwise than they are wanted here: above all for the
// files of proc and cgroupfs.
package sys

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ReadFile returns the text of a file of cgroupfs or proc. os.ReadFile also asks for its size, which such a
// file has not, and offers it to Go's poller, which costs as much as the reading; a sample of a cage reads six.
func ReadFile(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	buf := make([]byte, 0, 4096)
	for {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, cap(buf))
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return "", &fs.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return string(buf), nil
		default:
			buf = buf[:len(buf)+n]
		}
	}
}

// UnescapeMount undoes what the kernel does to a path in mounts and mountinfo (seq_path in fs/proc_namespace.c).
func UnescapeMount(path string) string { return unescapeMount.Replace(path) }

var unescapeMount = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// Epoll makes an epoll instance that tells of the events of fd, for SyscallConn: Go's poller waits for it, so
// that whoever reads from it holds no thread. fd itself is left alone, and may be one that must not become
// non-blocking.
func Epoll(fd int, events uint32) (*os.File, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err = unix.SetNonblock(epfd, true); err == nil {
		err = unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
	}
	if err != nil {
		unix.Close(epfd)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	return os.NewFile(uintptr(epfd), "epoll"), nil
}
