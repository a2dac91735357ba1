package harness

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/sys"
	"oomcage/harness/outcome"
)

// awaitEnd waits until a child has ended, and leaves it to be waited for. It does so in Go's poller: in
// waitid, each process would hold a thread, after which the scheduler looks again and again
// (BenchmarkCage/go was 1.28 with it and is 1.18 without, 2026-11). Where it cannot wait, for want of a
// descriptor, it returns at once.
func awaitEnd(child *os.Process) {
	var epoll *os.File
	var err error
	if child.WithHandle(func(pidfd uintptr) { epoll, err = sys.Epoll(int(pidfd), unix.EPOLLIN) }) != nil || err != nil {
		return
	}
	defer epoll.Close()
	conn, err := epoll.SyscallConn()
	if err != nil {
		return
	}
	// A pidfd becomes readable when the last thread has ended (pidfd_open(2)).
	_ = conn.Read(func(epfd uintptr) bool {
		n, err := unix.EpollWait(int(epfd), make([]unix.EpollEvent, 1), 0)
		return n > 0 || err != nil
	})
}

func (p *Process) wait() {
	if p.held != nil {
		status := p.awaitContainer() // which sets where it ended
		p.ends(status, p.last)
		return
	}
	awaitEnd(p.child)
	p.noteTraced()
	last := lookAt(p.PID(), p.group.Name()) // before its PID is free
	_ = p.cmd.Wait()                        // the state below says more than the error
	p.ends(statusOf(p.cmd.ProcessState), last)
}

// ends notes how and where the process has ended, if nobody has yet.
func (p *Process) ends(status outcome.ExitStatus, last whereabouts) {
	p.ending.Do(func() {
		p.status, p.last = status, last
		close(p.done)
	})
}

func statusOf(s *os.ProcessState) outcome.ExitStatus {
	if s == nil {
		return outcome.ExitStatus{Ended: true, Code: -1, Signal: outcome.UnknownSignal}
	}
	ws, _ := s.Sys().(syscall.WaitStatus)
	return statusIn(ws)
}

// statusIn reads what wait(2) says of a process that has ended.
func statusIn(ws syscall.WaitStatus) outcome.ExitStatus {
	if ws.Signaled() {
		return outcome.ExitStatus{Ended: true, Code: -1, Signal: outcome.SignalName(int(ws.Signal()))}
	}
	return outcome.ExitStatus{Ended: true, Code: ws.ExitStatus()}
}
