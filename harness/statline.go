package harness

import (
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
)

// statLine is proc_pid_stat(5) of a process, as far as it tells of its end. The zero value tells nothing.
type statLine struct {
	state     string
	threads   int
	startCode uint64 // 1 where this process may not know, 0 where there is no memory any more
	exitCode  int    // as wait(2) has it; 0 too where this process may not know
	root      bool   // this process is root, who may know
}

// Where those fields are, counted from the state on.
const (
	threadsOf   = 17
	startCodeOf = 23
	exitCodeOf  = 49
)

func readStatLine(text string, root bool) statLine {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) <= exitCodeOf {
		return statLine{}
	}
	threads, threadsErr := strconv.Atoi(fields[threadsOf])
	start, startErr := strconv.ParseUint(fields[startCodeOf], 10, 64)
	code, codeErr := strconv.Atoi(fields[exitCodeOf])
	if threadsErr != nil || startErr != nil || codeErr != nil {
		return statLine{}
	}
	return statLine{state: fields[0], threads: threads, startCode: start, exitCode: code, root: root}
}

// status is how the process has ended, or is about to: once SIGKILL or exit_group(2) has set that, nothing changes it any more.
func (l statLine) status() (s outcome.ExitStatus, known bool) {
	ws := syscall.WaitStatus(l.exitCode) //nolint:gosec // it is one
	switch {
	case l.state == "Z" && (l.exitCode != 0 || l.root): // and who may not know is shown 0
	case l.exitCode == 0:
		return s, false
	case ws.Exited(), ws.Signaled() && ws.Signal() == unix.SIGKILL: // others are shown of what is stopped or traced, too
	default:
		return s, false
	}
	return statusIn(ws), true
}

// dead reports whether a thread has ended.
func (l statLine) dead() bool { return l.state != "" && strings.Contains("ZXx", l.state) }

// leaderEnded reports whether the main thread has ended by itself, and others run on. Where a signal is about to end the process, the
// thread's exit code is that signal.
func (l statLine) leaderEnded() bool {
	const signalMask = 0x7f
	return l.state == "Z" && l.threads > 1 && l.exitCode&signalMask == 0
}

// isBeingKilled reports whether SIGKILL was sent to the process, and it has not ended: its memory is being given back.
func (l statLine) isBeingKilled() bool {
	return !l.dead() && syscall.WaitStatus(l.exitCode).Signal() == unix.SIGKILL //nolint:gosec // it is one
}

// alive reports whether the process runs on, and no SIGKILL was sent to it.
func (l statLine) alive() bool {
	return l.startCode > 1 && l.exitCode == 0 && !l.dead()
}
