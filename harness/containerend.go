package harness

import (
	"context"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
)

// awaitContainer waits for the end of the first process of a container. Its parent is its engine's, which waits for it: so
// the kernel is asked how it ends while it dies and is a zombie or, from Linux 6.15 on, by a handle on it. Otherwise the
// engine says so, whose exit code 137 has two meanings.
func (p *Process) awaitContainer() outcome.ExitStatus {
	l := newLastLook(p.PID(), p.cage.group)
	defer l.close()
	status, known := l.awaitEnd(p.child)
	close(p.gone)
	p.last = p.lookAround()
	if !known {
		status, known = statusByHandle(p.child)
	}
	if !known {
		status = p.held.statusByEngine()
		status.Spared = l.spared()
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

// awaitAttached waits until all is printed that the container prints, where it was started.
func (h *container) awaitAttached(ctx context.Context) {
	h.mu.Lock()
	attach := h.attach
	h.mu.Unlock()
	if attach == nil {
		return
	}
	select {
	case <-h.attached:
	case <-ctx.Done():
	}
}

// finish waits until all is printed that the container has printed, and removes it. It has been killed.
func (h *container) finish(ctx context.Context) error {
	grace, cancel := context.WithTimeout(ctx, engineGrace)
	defer cancel()
	h.awaitAttached(grace)
	h.mu.Lock()
	if h.attach != nil {
		_ = h.attach.Process.Kill() // where its time is up
		<-h.attached
	}
	h.mu.Unlock()
	h.gone.Do(func() {
		// The time of a cage's closing is about what the kernel does.
		removing, stop := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
		defer stop()
		if h.id == "" {
			h.err = h.engine.RemoveOf(removing, h.owner)
			return
		}
		h.err = h.engine.Remove(removing, h.id)
	})
	return h.err
}
