package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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
	status, known := tracedEnd(fmt.Sprintf("/proc/%d", p.PID()))
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

// tracedEnd reads how a process has ended that is held by a tracer, from its folder in /proc: each thread of it that is traced stays as
// a zombie until the tracer has waited for it. It is not known while a thread runs, nor to a user who is shown no exit codes.
//
// A thread may run that is not listed: the kernel's list ends at one that ends meanwhile (proc_task_readdir in fs/proc/base.c). So
// the kernel's number of threads is read between two looks at those that are listed. If all of these are dead both times, and
// are as many, no other thread exists.
func tracedEnd(dir string) (s outcome.ExitStatus, known bool) {
	if !readThreadStat(dir + "/stat").dead() { // most targets run: their threads need no look
		return s, false
	}
	stats := threadStats(dir)
	if len(stats) == 0 || !allDead(stats) {
		return s, false
	}
	l := readThreadStat(dir + "/stat")
	if !l.dead() || l.threads != len(stats) || !allDead(stats) {
		return s, false
	}
	return l.status()
}

// threadStats are the stat files of the threads of a process that are listed in its folder in /proc. Where they cannot be listed
// there are none.
func threadStats(dir string) (stats []string) {
	threads, _ := os.ReadDir(dir + "/task")
	for _, thread := range threads {
		stats = append(stats, filepath.Join(dir, "task", thread.Name(), "stat"))
	}
	return stats
}

// allDead reports whether each of these threads has ended, and is still there.
func allDead(stats []string) bool {
	return !slices.ContainsFunc(stats, func(stat string) bool { return !readThreadStat(stat).dead() })
}

// readThreadStat reads the stat of a thread, or of a process. What cannot be read is zero, and not dead.
func readThreadStat(path string) statLine {
	text, _ := sys.ReadFile(path)
	return readStatLine(text, os.Geteuid() == 0)
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
