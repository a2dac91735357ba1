package harness

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/sys"
)

// PF_FORKNOEXEC of include/linux/sched.h: forked, but not executed.
const forkedOnly = 0x40

// awaitExec waits until a process that os/exec has started has memory of its own. Until then it
// shares the harness's (CLONE_VM): an OOM kill in the cage would take the harness along, which the
// kernel prevents only as far as the end of the vfork, and a new oom_score_adj would be the
// harness's too (__set_oom_adj in fs/proc/base.c). os/exec returns before it: seen for one process in
// three on Linux 6.1, and for one in six on 6.12 (2026-11). The kernel tells nobody; it takes microseconds.
func awaitExec(ctx context.Context, pid int) error {
	for pause := 10 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		done, err := executed(pid)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for its execution: %w", context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// executed reports whether a process has executed its program, or has ended.
func executed(pid int) (bool, error) {
	fields, n, err := procStat(pid, flagsOf)
	if ended(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return fields[0] == "Z" || fields[0] == "X" || n&forkedOnly == 0, nil
}

// forkedByUs reports whether a process is one that this one has forked and that has not executed a program yet, and whether it
// stands in execve(2). Where that cannot be read, it does not.
func forkedByUs(pid int) (forked, inExec bool) {
	fields, n, err := procStat(pid, flagsOf)
	if err != nil || n&forkedOnly == 0 || fields[parentOf] != strconv.Itoa(os.Getpid()) {
		return false, false
	}
	call, _ := sys.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid)) // "running" as long as it does not wait
	number, _, _ := strings.Cut(call, " ")
	return true, number == strconv.Itoa(unix.SYS_EXECVE)
}

// startOf returns when a process was started, in ticks since the machine was (starttime of proc_pid_stat(5)).
func startOf(pid int) (uint64, error) {
	_, n, err := procStat(pid, startedAt)
	return n, err
}

// Fields of proc_pid_stat(5), counted from the state on.
const (
	parentOf  = 1  // ppid
	groupOf   = 2  // pgrp
	flagsOf   = 6  // flags
	utimeOf   = 11 // utime
	stimeOf   = 12 // stime
	startedAt = 19 // starttime
)

// procStat returns the fields of /proc/PID/stat from the state on, and the number that one of them is.
// proc_pid_stat(5): "PID (comm) state ppid pgrp session tty_nr tpgid flags …". A comm may hold anything, a
// parenthesis too.
func procStat(pid, field int) ([]string, uint64, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	stat, err := sys.ReadFile(path)
	if err != nil {
		return nil, 0, err
	}
	fields, n, err := parseStat(stat, field)
	if err != nil {
		return nil, 0, fmt.Errorf("parse %s: %w", path, err)
	}
	return fields, n, nil
}

func parseStat(stat string, field int) ([]string, uint64, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) <= field {
		return nil, 0, fmt.Errorf("%q has too few fields", stat)
	}
	n, err := strconv.ParseUint(fields[field], 10, 64)
	return fields, n, err
}
