package outcome

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"oomcage/harness/internal/human"
)

// Followed is what became of the processes that a target had left in its cage when it ended with exit code 0, as a program
// does that makes a daemon of itself. Nobody but their parent learns their exit codes, so the kernel's counters, its log and
// the cage are all that tells of them.
type Followed struct {
	At time.Duration `json:"at"` // when the target had ended, since the run began

	// Processes are those in the cage beside the target that were seen when it was ready, when it ended, and again each time
	// all that were known had ended.
	Processes []FollowedProcess `json:"processes"`

	Left    []string      `json:"left,omitempty"`     // those in the cage at the end of the run, as "name[PID]"; nil: none
	EmptyAt time.Duration `json:"empty_at,omitempty"` // when the cage was empty, since the run began; 0: it was not

	// KilledAfter is how many OOM kills were counted in the cage after the target had been seen to have ended.
	KilledAfter uint64 `json:"killed_after,omitempty"`
}

// FollowedProcess is a process that was not started by the harness.
type FollowedProcess struct {
	PID  int    `json:"pid"`  // in the initial PID namespace, as in the kernel log; 0 where that is not known
	Name string `json:"name"` // its comm, up to 15 bytes
}

// String returns "name[PID]", or the name alone.
func (p FollowedProcess) String() string {
	if p.PID == 0 {
		return p.Name
	}
	return fmt.Sprintf("%s[%d]", p.Name, p.PID)
}

// Alive reports whether the target ran at the end or, where they are followed, some of the processes that it had left.
func (e Evidence) Alive() bool {
	return !e.Status.Ended || e.Followed != nil && len(e.Followed.Left) > 0
}

// daemon names what the target had left.
func (f *Followed) daemon() string {
	var names []string
	for _, p := range f.Processes {
		names = append(names, p.String())
	}
	if len(names) == 0 {
		return "what the target had left"
	}
	return listed(names)
}

// FollowedKill is the last kill of a process that the target had left; false where there is none, or nothing is followed.
func (e Evidence) FollowedKill() (OOMKill, bool) {
	if e.Followed == nil {
		return OOMKill{}, false
	}
	for _, k := range slices.Backward(e.Kills) {
		if e.Followed.seen(k.PID) || e.isHeirs(k) {
			return k, true
		}
	}
	return OOMKill{}, false
}

func (f *Followed) seen(pid int) bool {
	return slices.ContainsFunc(f.Processes, func(p FollowedProcess) bool { return p.PID != 0 && p.PID == pid })
}

// isHeirs reports whether a kill is of a process that nobody has seen: the target had left it, or those that it had left, and all of
// them had ended. The kernel's report lists who was there; without one that is known where nobody was seen at all.
func (e Evidence) isHeirs(k OOMKill) bool {
	f, r := e.Followed, k.Report
	if k.PID == e.PID {
		return false
	}
	if r == nil || len(r.Tasks) == 0 || r.RestCount > 0 || e.PID == 0 || slices.ContainsFunc(f.Processes, func(p FollowedProcess) bool { return p.PID == 0 }) {
		return f.KilledAfter > 0 && len(f.Processes) == 0
	}
	return !slices.ContainsFunc(r.Tasks, func(t OOMTask) bool { return t.TGID == e.PID || f.seen(t.TGID) })
}

// judgeFollowed judges a target that has ended by itself and left processes which were followed.
func judgeFollowed(e Evidence) (Verdict, string) {
	f := e.Followed
	kill, was := e.FollowedKill()
	logged := uint64(len(e.Kills)) >= e.Events.OOMKill
	switch {
	case e.Events.OOMKill == 0 && (e.Alive() || e.Stop != nil):
		v, why := judgeAlive(e)
		return v, why + "; that is " + f.daemon() + ", as the target itself had ended with exit code 0"
	case e.Events.OOMKill == 0:
		return Exited, fmt.Sprintf("ended with exit code 0%s, and what it had left, %s, after %s; how is not known, but that no kernel OOM killer had a part in it: oom_kill did not rise",
			startNote(e), f.daemon(), human.Duration(f.EmptyAt))
	case e.Alive():
		return ChildOOMKilled, fmt.Sprintf("%s killed by an OOM killer; the target had ended with exit code 0, and %s lives", dead(e, "inside"), listed(f.Left))
	case was:
		v, why := judgeByLog(e, kill)
		return v, strings.Replace(why, together(e, kill), "", 1) + fmt.Sprintf("; that was %s[%d], which the target had left when it ended with exit code 0", kill.Name, kill.PID)
	case logged:
		return ChildOOMKilled, fmt.Sprintf("%s killed by an OOM killer, none of those that the target had left when it ended with exit code 0; %s ended as well, how is not known", dead(e, "inside"), f.daemon())
	default:
		v, why := judgeByCounters(e)
		why += "; that was among what the target had left when it ended with exit code 0"
		if len(f.Processes) > 0 {
			why += ": " + f.daemon()
		}
		return v, why
	}
}
