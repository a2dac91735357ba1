package harness

import (
	"debug/buildinfo"
	"fmt"
	"strconv"
	"strings"
	"time"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/internal/sys"
	"oomcage/harness/outcome"
)

// cpuTime is what all processes of a cgroup and of those below it have used. Each cgroup has it, with the cpu controller or
// without (cgroup_base_stat_cputime_show in kernel/cgroup/rstat.c).
func cpuTime(g *cgroup.Group) (time.Duration, error) {
	stat, err := g.ReadKeyed("cpu.stat")
	return time.Duration(stat["usage_usec"]) * time.Microsecond, err
}

// noteCPU adds to the evidence what the cage has computed since the target was started.
func (p *Process) noteCPU(e *Evidence) {
	used, err := cpuTime(p.cage.group)
	if err != nil {
		e.Unread[outcome.CPUFile] = err.Error()
		return
	}
	e.CPU = used - min(used, p.cpu)
}

// noteCollector adds what tells whether a target that lives past its time is busy with its garbage. Of several processes
// it is about the one that has computed the most: a target may be a shell.
func (p *Process) noteCollector(e *Evidence) {
	pids, err := p.group.Procs()
	if err != nil || len(pids) > maxProcesses {
		return
	}
	var busiest outcome.Thread
	var dir string
	for _, pid := range pids {
		proc := "/proc/" + strconv.FormatUint(pid, 10)
		if t, err := readThread(proc + "/stat"); err == nil && t.CPU >= busiest.CPU {
			busiest, dir = t, proc
		}
	}
	if dir == "" {
		return
	}
	if environ, err := sys.ReadFile(dir + "/environ"); err == nil {
		e.SoftLimit = outcome.ReadSoftLimit(strings.Split(environ, "\x00"))
	}
	if e.SoftLimit != nil {
		if _, err := buildinfo.ReadFile(dir + "/exe"); err != nil { // it is no Go program
			e.SoftLimit = nil
		}
	}
	e.Collector = outcome.ReadCollector(readThreads(dir))
}

const (
	// maxProcesses is how many of a cage are looked at: the reason of a time-out must not take long itself. Each takes 20 µs (2026-11).
	maxProcesses = 64
	// maxThreads is how many of a process are.
	maxThreads = 1024
)

func readThreads(dir string) []outcome.Thread {
	stats := threadStats(dir)
	var threads []outcome.Thread
	for _, stat := range stats[:min(len(stats), maxThreads)] {
		if t, err := readThread(stat); err == nil {
			threads = append(threads, t)
		}
	}
	return threads
}

// userHZ is the unit of times in proc_pid_stat(5), on every architecture that Go has.
const userHZ = 100

// readThread reads the stat of a thread, or of a process.
func readThread(path string) (outcome.Thread, error) {
	text, err := sys.ReadFile(path)
	if err != nil {
		return outcome.Thread{}, err
	}
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return outcome.Thread{}, fmt.Errorf("read %s: it has no name of a thread", path)
	}
	fields := strings.Fields(text[end+1:])
	if len(fields) <= stimeOf {
		return outcome.Thread{}, fmt.Errorf("read %s: it has %d fields", path, len(fields))
	}
	var ticks uint64
	for _, f := range fields[utimeOf : stimeOf+1] {
		n, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return outcome.Thread{}, fmt.Errorf("read %s: %w", path, err)
		}
		ticks += n
	}
	return outcome.Thread{Name: text[open+1 : end], CPU: time.Duration(ticks) * time.Second / userHZ}, nil
}
