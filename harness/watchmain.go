package harness

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/internal/sys"
	"oomcage/harness/outcome"
)

// watchedMain is the main process of what is watched. It is nil where nobody is known.
type watchedMain struct {
	id       int
	name     string
	path     string // its executable; empty where that cannot be read
	oomScore int
	pidfd    int
	epoll    *os.File
	gone     chan struct{} // closed when it has ended, or when it is not watched any more
	hasEnded bool          // set before gone is closed
}

// findMain finds the process that was asked for, or else the oldest in the group of those whose parent is outside. It is to be
// closed. There is none where nobody runs in it now.
func findMain(g *cgroup.Group, asked int) (*watchedMain, error) {
	pid := asked
	if asked == 0 {
		pids, err := g.Procs()
		if err != nil {
			return nil, nil // gone already, of which the readings tell
		}
		if pid = oldest(pids); pid == 0 {
			return nil, nil
		}
	}
	m := &watchedMain{id: pid, gone: make(chan struct{})}
	var err error
	if m.pidfd, err = unix.PidfdOpen(pid, 0); err != nil {
		if asked == 0 {
			return nil, nil
		}
		return nil, fmt.Errorf("watch process %d: %w", pid, err)
	}
	if m.epoll, err = sys.Epoll(m.pidfd, unix.EPOLLIN); err != nil {
		unix.Close(m.pidfd)
		return nil, fmt.Errorf("watch process %d: %w", pid, err)
	}
	// The handle first: if it is where it is looked for, and still there, both are of the same.
	if asked != 0 && !m.isIn(g) {
		m.epoll.Close()
		unix.Close(m.pidfd)
		return nil, fmt.Errorf("watch process %d: it is not in the cgroup %s any more", pid, g.Name())
	}
	m.call()
	m.oomScore, _ = readOOMScore(fmt.Sprintf("/proc/%d/oom_score_adj", pid))
	go m.wait()
	return m, nil
}

// isIn reports whether it is in a cgroup or below it.
func (m *watchedMain) isIn(g *cgroup.Group) bool {
	at, err := g.OfProcess(m.id)
	return err == nil && isBelow(at, g) && m.unreaped()
}

// isBelow reports whether a cgroup is another one, or below it.
func isBelow(at, g *cgroup.Group) bool {
	return strings.HasPrefix(at.Path()+"/", strings.TrimSuffix(g.Path(), "/")+"/")
}

// unreaped reports whether its PID is its own still, though it may have ended. Another user's process takes no signal, and is there.
func (m *watchedMain) unreaped() bool {
	err := unix.PidfdSendSignal(m.pidfd, 0, nil, 0)
	return err == nil || errors.Is(err, unix.EPERM)
}

// call takes in what it is called, as long as it is there: what starts it may still be about to execute its program.
func (m *watchedMain) call() {
	comm, err := sys.ReadFile(fmt.Sprintf("/proc/%d/comm", m.id))
	path, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", m.id))
	if err == nil && !m.ended() {
		m.name = strings.TrimSuffix(comm, "\n")
		m.path = cmp.Or(path, m.path)
	}
}

// oldest picks the main process of several; 0: there is none.
func oldest(pids []uint64) (main int) {
	var first uint64
	for _, pid := range pids {
		fields, started, err := procStat(int(pid), startedAt)
		if err != nil {
			continue
		}
		parent, err := strconv.ParseUint(fields[parentOf], 10, 64)
		if err == nil && !slices.Contains(pids, parent) && (main == 0 || started < first) {
			main, first = int(pid), started
		}
	}
	return main
}

// wait waits until it has ended, or close is called.
func (m *watchedMain) wait() {
	defer close(m.gone)
	conn, err := m.epoll.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Read(func(epfd uintptr) bool {
		n, err := unix.EpollWait(int(epfd), make([]unix.EpollEvent, 1), 0)
		m.hasEnded = n > 0
		return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
	})
}

func (m *watchedMain) close() {
	if m == nil {
		return
	}
	_ = m.epoll.SetReadDeadline(time.Unix(1, 0))
	<-m.gone
	m.epoll.Close()
	unix.Close(m.pidfd)
}

// done is closed when it has ended.
func (m *watchedMain) done() <-chan struct{} {
	if m == nil {
		return nil
	}
	return m.gone
}

func (m *watchedMain) ended() bool {
	if m == nil {
		return false
	}
	select {
	case <-m.gone:
		return m.hasEnded
	default:
		return false
	}
}

// status is how it has ended. Where what is watched has, and how the main process did is not known, the signal is unknown.
func (m *watchedMain) status(over bool) outcome.ExitStatus {
	ended := m.ended()
	if !over && !ended {
		return outcome.ExitStatus{}
	}
	if ended {
		if s, known := exitOf(m.pidfd); known {
			return s
		}
	}
	return outcome.ExitStatus{Ended: true, Code: -1, Signal: outcome.UnknownSignal}
}

// pid is the one by which the kernel log knows it; 0: none.
func (m *watchedMain) pid() int {
	if m == nil {
		return 0
	}
	return initialPID(m.id)
}

// orZero is m, or where there is none its zero value: no PID, no path.
func (m *watchedMain) orZero() *watchedMain {
	return cmp.Or(m, &watchedMain{})
}

func (m *watchedMain) named() outcome.FollowedProcess {
	if m == nil {
		return outcome.FollowedProcess{}
	}
	return outcome.FollowedProcess{PID: m.pid(), Name: m.name}
}

// The parent has so many parts of time to take the exit code; nobody else learns it before. A machine that stands still uses up one.
const reapParts, reapPart = 20, 10 * time.Millisecond

// exitOf is how a process ended, for those who are not its parent. Kernels before 6.15 do not tell.
func exitOf(pidfd int) (s outcome.ExitStatus, known bool) {
	var info unix.PidfdInfo
	ask := func() error {
		info.Mask = unix.PIDFD_INFO_EXIT
		return unix.IoctlPidfdInfo(pidfd, &info)
	}
	if err := ask(); errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) {
		return s, false
	} else if err != nil || info.Mask&unix.PIDFD_INFO_EXIT == 0 {
		_ = sys.WithoutSignals(func() error { // any would end poll(2)
			reaped := []unix.PollFd{{Fd: int32(pidfd)}} // POLLHUP
			for range reapParts {
				if n, err := unix.Poll(reaped, int(reapPart/time.Millisecond)); n > 0 || err != nil {
					return err
				}
			}
			return nil
		})
		if ask() != nil || info.Mask&unix.PIDFD_INFO_EXIT == 0 {
			return s, false
		}
	}
	ws := syscall.WaitStatus(info.Exit_code)
	return statusIn(ws), ws.Signaled() || ws.Exited()
}
