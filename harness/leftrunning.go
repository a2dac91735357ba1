package harness

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/sys"
)

// leftRunning are the processes that a target which has ended by itself has left running in its cage. Those of other
// targets are not its.
func (p *Process) leftRunning() []string {
	if s := p.Status(); p.follows != nil || !s.Ended || s.Signal != "" || s.Code != 0 {
		return nil
	}
	return p.leftInCage()
}

// leftInCage names the processes in the target's cage that are not other targets', and were started later.
func (p *Process) leftInCage() []string {
	pids, err := p.group.Procs()
	if err != nil {
		return nil
	}
	others := p.cage.targetPIDs()
	var left []string
	for _, pid := range pids {
		if group, err := unix.Getpgid(int(pid)); err != nil || group != p.PID() && others[group] || p.startedBefore(int(pid)) {
			continue
		}
		if comm, err := sys.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil {
			left = append(left, fmt.Sprintf("%s[%d]", strings.TrimSpace(comm), pid))
		}
	}
	return left
}

// targetPIDs are the targets of the cage, each of which leads a process group.
func (c *Cage) targetPIDs() map[int]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	pids := map[int]bool{}
	for _, p := range c.processes {
		pids[p.PID()] = true
	}
	return pids
}
