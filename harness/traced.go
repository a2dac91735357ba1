package harness

import (
	"context"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/sys"
	"oomcage/harness/outcome"
)

// tracedPause is how often it is asked whether a target that is sure to end is held by a tracer: where each of its threads is
// traced, the kernel tells nobody else that they are dead.
const tracedPause = 20 * time.Millisecond

// noteTraced notes the end of a target that is dead, and that this process cannot wait for yet: the kernel tells a tracer first, and
// the parent when that has waited for it or has ended (exit_notify in kernel/exit.c).
func (p *Process) noteTraced() {
	if p.held != nil || p.child == nil || p.Status().Ended || p.isWaitable() {
		return
	}
	status, known := tracedEnd(p.PID())
	last := lookAt(p.PID(), p.group.Name())
	if !known || p.child.Signal(syscall.Signal(0)) != nil { // waited for by now: what was read may be another process's
		return
	}
	p.ends(status, last)
}

// isWaitable reports whether the process has ended and this one, its parent, can wait for it, or has. It is not while a tracer holds it.
func (p *Process) isWaitable() bool {
	var info unix.Siginfo
	var err error
	handleErr := p.child.WithHandle(func(pidfd uintptr) {
		err = unix.Waitid(unix.P_PIDFD, int(pidfd), &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	})
	return handleErr != nil || err != nil || info.Signo != 0
}

// tracedEnd reads how a process has ended that is held by a tracer: each thread of it that is traced stays as a zombie until the tracer
// has waited for it. It is not known while a thread runs, nor to a user who is shown no exit codes.
func tracedEnd(pid int) (s outcome.ExitStatus, known bool) {
	threads := threadsIn(pid)
	if len(threads) == 0 {
		return s, false
	}
	root := os.Geteuid() == 0
	for _, tid := range threads {
		text, err := sys.ReadFile(fmt.Sprintf("/proc/%d/task/%s/stat", pid, tid))
		if err == nil && !readStatLine(text, root).dead() {
			return s, false
		}
	}
	if !slices.Equal(threadsIn(pid), threads) { // one that has ended meanwhile may have started another
		return s, false
	}
	text, err := sys.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return s, false
	}
	if l := readStatLine(text, root); l.dead() {
		return l.status()
	}
	return s, false
}

// threadsIn lists the threads of a process, in an order of its own.
func threadsIn(pid int) (tids []string) {
	entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid)) // where it cannot be listed, there are none
	for _, e := range entries {
		tids = append(tids, e.Name())
	}
	return tids
}

// awaitTraced waits until a target that is sure to end has ended, also where a tracer holds it, or ctx has.
func (p *Process) awaitTraced(ctx context.Context) {
	again := time.NewTicker(tracedPause)
	defer again.Stop()
	for {
		p.noteTraced()
		select {
		case <-p.done:
			return
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}
