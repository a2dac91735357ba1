package harness

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/outcome"
)

// lastLook looks at a process that another one waits for, whenever its cage's memory.events change, and until it has ended.
type lastLook struct {
	stat   int          // /proc/PID/stat, which stays that process's; -1: not to be had
	events *cgroup.Kept // memory.events of its cage; nil: none

	oom, kills uint64    // as they were counted last
	rose       time.Time // when one of them had risen

	alive   bool // it was alive after this many kills were counted:
	aliveAt uint64
}

func newLastLook(pid int, g *cgroup.Group) *lastLook {
	l := &lastLook{stat: -1}
	if stat, err := unix.Open(fmt.Sprintf("/proc/%d/stat", pid), unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
		l.stat = stat
	}
	if g != nil {
		l.events, _ = g.Keep("memory.events")
	}
	return l
}

func (l *lastLook) close() {
	if l.stat >= 0 {
		unix.Close(l.stat)
	}
	l.events.Close()
}

// near is how often it looks while a kill is near: for a second after the limit was hit in vain, or somebody killed. A victim of
// 64 MiB took 3 ms and more to die (2026-11), and the kernel holds back news of memory.events for up to 10 ms.
const near = time.Millisecond

// awaitEnd waits for the end of the process, and reads how it ended before its parent waits for it, if it comes first. While it dies
// that can be seen from Linux 5.17 on. Of its zombie, the kernel wakes those who poll its handle before it signals the parent
// (do_notify_parent in kernel/signal.c). So this has a thread that stands in poll(2), and the files open.
func (l *lastLook) awaitEnd(child *os.Process) (s outcome.ExitStatus, known bool) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := child.WithHandle(func(pidfd uintptr) {
		waited := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}, l.events.PollFd()} //nolint:gosec // a descriptor is small
		for {
			if l.count() != nil {
				waited[1].Fd = -1 // the cage is gone, of which poll would tell again and again
			}
			if !known {
				s, known = l.look()
			}
			timeout := -1
			if time.Since(l.rose) < time.Second {
				timeout = int(near / time.Millisecond)
			}
			if _, err := unix.Poll(waited, timeout); err != nil && !errors.Is(err, unix.EINTR) {
				return
			}
			if ended := waited[0].Revents != 0; ended {
				break
			}
		}
		if !known {
			s, known = l.read().status()
		}
	})
	return s, known && err == nil
}

// count takes in memory.events.
func (l *lastLook) count() error {
	oom, kills := l.oom, l.kills
	err := l.events.Each(func(key []byte, n uint64) {
		switch string(key) {
		case "oom":
			oom = n
		case "oom_kill":
			kills = n
		}
	})
	if oom != l.oom || kills != l.kills {
		l.oom, l.kills, l.rose = oom, kills, time.Now()
	}
	return err
}

// look looks at the process after count. That it is alive then tells that no kill that was counted was its own: the kernel counts a
// kill and sends SIGKILL with the victim's task_lock held (__oom_kill_process in mm/oom_kill.c), which who reads its stat takes
// before that asks for the signal (do_task_stat in fs/proc/array.c).
func (l *lastLook) look() (s outcome.ExitStatus, known bool) {
	at := l.read()
	if s, known = at.status(); known {
		return s, known
	}
	if at.alive() && showsDying() {
		l.alive, l.aliveAt = true, l.kills
	}
	return s, false
}

// spared reports whether it was seen alive after the last OOM kill in its cage: it is not to be asked before the process has ended.
func (l *lastLook) spared() bool {
	return l.count() == nil && l.alive && l.aliveAt == l.kills && l.kills > 0
}

func (l *lastLook) read() statLine {
	buf := make([]byte, 4<<10)
	n, err := unix.Pread(l.stat, buf, 0)
	if err != nil {
		return statLine{}
	}
	return readStatLine(string(buf[:n]), os.Geteuid() == 0)
}

// showsDying reports whether this kernel's stat has how a process will have ended since it was killed: from Linux 5.17 on.
var showsDying = sync.OnceValue(func() bool {
	var u unix.Utsname
	var major, minor int
	if unix.Uname(&u) != nil {
		return false
	}
	_, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor)
	return err == nil && (major > 5 || major == 5 && minor >= 17)
})
