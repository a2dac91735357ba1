package main

import (
	"syscall"
	"time"

	"oomcage/harness"
	"oomcage/harness/outcome"
)

// inCgroup starts a process in the cgroup whose directory is open.
func inCgroup(fd int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd}
}

// watchedSamples are a first one, one too early, one that differs too little, one that grew, one more, and a kill.
func watchedSamples() []outcome.Sample {
	at := func(ms int, current harness.Bytes, kills uint64) outcome.Sample {
		return outcome.Sample{At: time.Duration(ms) * time.Millisecond, Current: current * harness.MiB, Events: harness.Events{OOMKill: kills}}
	}
	return []outcome.Sample{at(1000, 10, 0), at(1100, 30, 0), at(2000, 12, 0), at(2000, 40, 0), at(2050, 60, 0), at(2100, 5, 1), at(2110, 5, 1)}
}
