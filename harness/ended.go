package harness

import (
	"os"

	"golang.org/x/sys/unix"
)

// awaitEnd waits until a child has ended, and leaves it to be waited for. It does so in Go's poller: in
// waitid, each process would hold a thread, after which the scheduler looks again and again
// (BenchmarkCage/go was 1.28 with it and is 1.18 without, 2026-11). Where it cannot wait, for want of a
// descriptor, it returns at once.
func awaitEnd(pid int) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	conn, err := f.SyscallConn()
	if err != nil {
		return
	}
	// A pidfd becomes readable when the last thread has ended (pidfd_open(2)).
	_ = conn.Read(func(fd uintptr) bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return n > 0 || err != nil
	})
}
