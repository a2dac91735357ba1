package harness

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"oomcage/harness/internal/sys"
)

// maxEscaped bounds what a line of results has of them.
const maxEscaped = 16

// escaped are the processes of p's run that live on outside of its cage, as "name[PID] in /GROUP": they have moved
// themselves, or were moved. They are known by the process group that the target leads, or by its TMPDIR in their
// environment; one that has changed both is not. Only those are looked at that are younger than the target, which on
// a quiet machine are none.
func (p *Process) escaped() []string {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // what it has read, where it fails
	first := p.PID() + 1
	if newest() < p.PID() {
		first = 1 // the kernel gives PIDs anew from the beginning
	}
	var all []string
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid < first || pid == p.PID() || len(all) == maxEscaped {
			continue
		}
		if where, is := p.hasEscaped(pid); is {
			all = append(all, where)
		}
	}
	return all
}

// newest is the PID that was given last (proc_loadavg(5)), or 0.
func newest() int {
	text, err := sys.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(text[strings.LastIndexByte(text, ' ')+1:]))
	return pid
}

// hasEscaped reports whether a process is of p's run, alive and outside of its cage, and where.
func (p *Process) hasEscaped(pid int) (where string, is bool) {
	fields, group, err := procStat(pid, groupOf)
	if err != nil || fields[0] == "Z" || fields[0] == "X" || p.startedBefore(pid) {
		return "", false
	}
	if group != uint64(p.PID()) && !p.hasTMPDIR(pid) {
		return "", false
	}
	home := p.cage.group.Name()
	at := lookAt(pid, home).group
	if at == "" || strings.HasPrefix(at+"/", home+"/") {
		return "", false
	}
	comm, err := sys.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return "", false
	}
	return fmt.Sprintf("%s[%d] in %s", strings.TrimSuffix(comm, "\n"), pid, at), true
}

// hasTMPDIR reports whether a process was executed with the TMPDIR that is of this run alone.
func (p *Process) hasTMPDIR(pid int) bool {
	if p.scratch.Load() == nil {
		return false
	}
	environ, err := sys.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && strings.Contains("\x00"+environ, "\x00TMPDIR="+p.scratch.Load().dir()+"\x00")
}
