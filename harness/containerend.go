package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
)

// awaitContainer waits for the end of the first process of a container. Its parent is its engine's, which waits for it: so
// the kernel is asked how it ended while it is a zombie or, from Linux 6.15 on, by a handle on it. Otherwise the engine
// says so, whose exit code 137 has two meanings.
func (p *Process) awaitContainer() outcome.ExitStatus {
	status, known := p.awaitZombie()
	close(p.gone)
	p.last = p.lookAround()
	if !known {
		status, known = statusByHandle(p.child)
	}
	if !known {
		status = p.held.statusByEngine()
	}
	return status
}

// isGone reports whether the first process of a container has ended, though how may not be known yet: an engine takes its time.
func (p *Process) isGone() bool {
	select {
	case <-p.gone: // nil where it is no container's
		return true
	default:
		return false
	}
}

// exitCodeOf is the field exit_code of proc_pid_stat(5), counted from the state on.
const exitCodeOf = 49

// awaitZombie waits for the end of a process, and reads how it ended before its parent waits for it, if it comes first: the kernel
// wakes those who poll its handle before it signals the parent (do_notify_parent in kernel/signal.c). So this has a thread that
// stands in poll(2), and the file open.
func (p *Process) awaitZombie() (s outcome.ExitStatus, known bool) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	stat, err := unix.Open(fmt.Sprintf("/proc/%d/stat", p.PID()), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		awaitEnd(p.child)
		return s, false
	}
	defer unix.Close(stat)
	var text []byte
	if err := p.child.WithHandle(func(pidfd uintptr) {
		ended := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}} //nolint:gosec // a descriptor is small
		for err := error(unix.EINTR); errors.Is(err, unix.EINTR); {
			_, err = unix.Poll(ended, -1)
		}
		buf := make([]byte, 4<<10)
		if n, err := unix.Pread(stat, buf, 0); err == nil {
			text = buf[:n]
		}
	}); err != nil {
		return s, false
	}
	return statusOfZombie(string(text), os.Geteuid() == 0)
}

// statusOfZombie reads proc_pid_stat(5) of a process that has ended and that nobody has waited for yet.
func statusOfZombie(stat string, root bool) (s outcome.ExitStatus, known bool) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) <= exitCodeOf || fields[0] != "Z" {
		return s, false
	}
	code, err := strconv.Atoi(fields[exitCodeOf])
	if err != nil || code == 0 && !root { // 0 is also what is shown to those who may not know
		return s, false
	}
	return statusIn(syscall.WaitStatus(code)), true
}

// statusByHandle asks a pidfd (PIDFD_INFO_EXIT of include/uapi/linux/pidfd.h), which knows it once the process was waited for.
func statusByHandle(child *os.Process) (s outcome.ExitStatus, known bool) {
	for until := time.Now().Add(engineGrace); time.Now().Before(until); time.Sleep(time.Millisecond) {
		info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
		var err error
		if handleErr := child.WithHandle(func(pidfd uintptr) { err = unix.IoctlPidfdInfo(int(pidfd), &info) }); handleErr != nil {
			return s, false
		}
		switch {
		case err == nil && info.Mask&unix.PIDFD_INFO_EXIT != 0:
			return statusIn(syscall.WaitStatus(info.Exit_code)), true
		case err != nil:
			return s, false // an older kernel
		}
	}
	return s, false
}

// statusByEngine is what the engine says.
func (h *container) statusByEngine() outcome.ExitStatus {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	printing, stop := context.WithTimeout(ctx, endTimeout/10) // it may be held up by who reads it
	h.awaitAttached(printing)
	stop()
	for pause := time.Millisecond; ; pause = min(2*pause, time.Second) {
		state, err := h.engine.Inspect(ctx, h.id)
		if err == nil && state.Ended() {
			return outcome.ExitStatus{Ended: true, Code: state.ExitCode, Engine: h.engine.Name}
		}
		select {
		case <-time.After(pause): // it takes note of the end by and by
		case <-ctx.Done():
			return outcome.ExitStatus{Ended: true, Code: -1, Signal: outcome.UnknownSignal, Engine: h.engine.Name}
		}
	}
}
