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

// followedKill is the last kill of a process that the target had left.
func (e Evidence) followedKill() (OOMKill, bool) {
	for _, k := range slices.Backward(e.Kills) {
		if slices.ContainsFunc(e.Followed.Processes, func(p FollowedProcess) bool { return p.PID != 0 && p.PID == k.PID }) {
			return k, true
		}
	}
	return OOMKill{}, false
}

// judgeFollowed judges a target that has ended by itself and left processes which were followed.
func judgeFollowed(e Evidence) (Verdict, string) {
	f := e.Followed
	kill, was := e.followedKill()
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
		return v, why + "; that was among what the target had left when it ended with exit code 0: " + f.daemon()
	}
}
