package harness

import (
	"fmt"
	"strings"
	"syscall"

	"oomcage/harness/internal/sys"
)

// whereabouts is what /proc/PID tells of a target besides its end.
type whereabouts struct {
	group       string // its cgroup; empty where that is not known
	leaderEnded bool   // its main thread has ended by itself, and others run on
	leaderDead  bool   // its main thread has ended
	score       *int   // its oom_score_adj; nil where that is not known
}

// lookAt reads where a process is. That of a zombie can be read too, and is where it ended.
func lookAt(pid int, home string) whereabouts {
	var at whereabouts
	if text, err := sys.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid)); err == nil {
		at.group = placeIn(home, text)
	}
	if text, err := sys.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		leader := readStatLine(text, false)
		at.leaderEnded, at.leaderDead = leader.leaderEnded(), leader.dead()
	}
	if score, err := readOOMScore(fmt.Sprintf("/proc/%d/oom_score_adj", pid)); err == nil {
		at.score = &score
	}
	return at
}

// placeIn reads /proc/PID/cgroup. A cgroup at home or below it is named as the harness names home: the
// kernel's name has more in front where only a part of the hierarchy is mounted. Names of cages are unique.
func placeIn(home, membership string) string {
	for line := range strings.Lines(membership) {
		name, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::")
		if !ok {
			continue
		}
		name = strings.TrimSuffix(name, " (deleted)")
		if at := strings.Index(name+"/", home+"/"); at >= 0 {
			return name[at:]
		}
		return name
	}
	return ""
}

// whereabouts tells where the process is, or was when it ended.
func (p *Process) whereabouts() (at whereabouts, ended bool) {
	if !p.Status().Ended {
		at = p.lookAround()
		if at.leaderDead {
			p.noteTraced()
		}
	}
	if p.Status().Ended { // by now: what was read may be another process's
		return p.last, true
	}
	return at, false
}

// lookAround reads where the process is. Of a container, another process waits for it, after which its PID is free.
func (p *Process) lookAround() whereabouts {
	at := lookAt(p.PID(), p.group.Name())
	if p.held != nil && p.child.Signal(syscall.Signal(0)) != nil {
		return whereabouts{}
	}
	return at
}
