package outcome

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"oomcage/harness/internal/human"
)

// Verdict says in one word how a run ended. Its texts are part of the format of result files.
type Verdict string

// The verdicts. Exit code 137 alone, or SIGKILL alone, proves none of the OOM kills: the
// kernel's counters do.
const (
	Survived          Verdict = "survived"            // the target was alive when the load ended
	OOMKilled         Verdict = "oom-killed"          // the cage's own limit killed the target
	OOMGroupKilled    Verdict = "oom-group-killed"    // the same, and memory.oom.group took the rest along
	ChildOOMKilled    Verdict = "child-oom-killed"    // a process inside was killed, the target was not
	AncestorOOMKilled Verdict = "ancestor-oom-killed" // a limit above the cage killed it
	HostOOMKilled     Verdict = "host-oom-killed"     // the whole machine ran out
	Killed            Verdict = "killed"              // a signal that no kernel OOM killer sent
	Exited            Verdict = "exited"              // it ended by itself
	RuntimeOOM        Verdict = "runtime-oom"         // its own runtime gave up for want of memory
	Stalled           Verdict = "stalled"             // time ran out while it was throttled or thrashing
	TimedOut          Verdict = "timed-out"           // time ran out, and memory was not the cause
	Inconclusive      Verdict = "inconclusive"        // the evidence contradicts itself or could not be read
)

// Classify returns the verdict on the evidence, and its reason, a clause without a full stop. It looks at nothing else: the same
// evidence gets the same verdict on any machine.
//
// The kernel raises oom at the cgroup whose limit was met, and oom_kill at the victim's, both
// before it sends SIGKILL (mm/memcontrol.c, mm/oom_kill.c: "Raise event before sending
// signal"). memory.events counts the cgroups below too; memory.events.local does not.
func Classify(e Evidence) (v Verdict, reason string) {
	e = e.resolved()
	own, kills := e.EventsLocal, e.Events.OOMKill
	left, away := e.outside()
	record, logged := e.TargetKill()
	switch {
	case e.Unread[EventsFile] != "":
		return Inconclusive, "the cage's counters could not be read: " + e.Unread[EventsFile]
	case e.Watched != nil:
		return judgeWatched(e)
	case e.Status.Signal == UnknownSignal && e.Status.Engine != "":
		return Inconclusive, "the target has ended, and how is not known" + engineNote(e)
	case e.Status.Signal == UnknownSignal:
		return Inconclusive, "the target has ended, and another part of this process has taken its wait status"
	case own.OOMKill > kills:
		return Inconclusive, fmt.Sprintf("memory.events.local counts %s and memory.events, which includes them, %d", human.Count(own.OOMKill, "kill"), kills)
	case logged && kills > 0 && e.Status.Signal != "SIGKILL":
		return Inconclusive, fmt.Sprintf("the kernel log says that an OOM killer has killed the target, and it did not end by SIGKILL: %s", e.Status)
	case e.Status.ambiguous() && kills > 0 && !e.SparedTarget():
		return Inconclusive, fmt.Sprintf("%s killed by an OOM killer, the target ended with %s%s, and the kernel log does not say which it was", dead(e, "inside"), e.Status, engineNote(e))
	case away:
		return Inconclusive, fmt.Sprintf("the target was not in its cage any more, but in %s, first seen outside after %v; what it took there is not the cage's, and its end (%s) says nothing of the cage's limit",
			e.lastGroup(), left.At.Round(time.Millisecond), e.Status)
	case !e.Status.Ended:
		return judgeAlive(e)
	case e.Followed != nil:
		return judgeFollowed(e)
	case kills == 0 && e.gaveUp():
		return RuntimeOOM, runtimeOOM(e)
	case kills == 0 && e.stopped():
		return judgeAlive(e)
	case kills == 0 && e.Status.Signal != "":
		return Killed, killedBySignal(e)
	case kills == 0:
		return Exited, fmt.Sprintf("ended by itself with %s%s%s%s", e.Status, engineNote(e), startNote(e), daemonNote(e))
	case e.Status.Signal != "SIGKILL":
		return ChildOOMKilled, fmt.Sprintf("%s killed by an OOM killer, and the target ended with %s", dead(e, "inside"), e.Status)
	case logged:
		return judgeByLog(e, record)
	default:
		return judgeSIGKILL(e)
	}
}

// killedBySignal is the reason where a signal has ended the target, and the kernel counts no OOM kill.
// Killers in user space need not leave a trace.
func killedBySignal(e Evidence) string {
	by, counted := e.Status.Signal, "no kernel OOM killer had a part in it: oom_kill did not rise"
	switch {
	case e.HarnessKilled:
		by = "a SIGKILL that was sent through the harness"
	case e.Status.Signal == "SIGKILL" && len(e.DaemonKills) > 0:
		by = "SIGKILL, and " + daemons(e)
	}
	return fmt.Sprintf("ended by %s, and %s%s", by, counted, startNote(e))
}

// judgeSIGKILL judges a target that a SIGKILL has ended while an OOM killer has killed in the cage, and
// the kernel log does not name it.
func judgeSIGKILL(e Evidence) (Verdict, string) {
	kills := e.Events.OOMKill
	another := "another SIGKILL"
	if len(e.DaemonKills) > 0 {
		another += ": " + daemons(e)
	}
	switch {
	case e.EventsLocal.OOMKill+e.killsBelow() == 0 && e.unreadBelow() != "":
		return Inconclusive, fmt.Sprintf("the target was in %s, below its cage, and whether it was killed there is unknown: %s", e.lastGroup(), e.unreadBelow())
	case e.EventsLocal.OOMKill+e.killsBelow() == 0:
		return ChildOOMKilled, fmt.Sprintf("%s killed by an OOM killer, none in the cage itself; the target ended by %s", dead(e, "in a cgroup below the cage"), another)
	case e.SparedTarget():
		return ChildOOMKilled, fmt.Sprintf("%s killed by an OOM killer, which the kernel log names, and the target ended by %s", dead(e, "inside"), another)
	case e.HarnessKilled:
		return Inconclusive, "the harness had sent the target a SIGKILL, an OOM killer has killed " + processes(kills) + " of the cage, and the kernel log does not say which it was"
	case len(e.DaemonKills) > 0:
		return Inconclusive, daemons(e) + ", the kernel's OOM killer has killed " + processes(kills) + " of the cage, and the kernel log does not say which it was"
	case e.unkillable():
		return Inconclusive, "no OOM killer chooses a target at oom_score_adj -1000 unless it has raised that by itself; one has killed " + processes(kills) + " of the cage, and the kernel log does not say which it was"
	default:
		return judgeByCounters(e)
	}
}

// killsBelow is how many were killed in the target's own cgroup, where that is below the cage.
func (e Evidence) killsBelow() uint64 {
	if len(e.Below) == 0 {
		return 0
	}
	return e.Below[0].EventsLocal.OOMKill
}

// unreadBelow says why the counters of the target's own cgroup are not known, where it is below the
// cage and they are not.
func (e Evidence) unreadBelow() string {
	if e.lastGroup() == e.Cage {
		return ""
	}
	return e.Unread[EventsOf(e.lastGroup())]
}

// daemons names the OOM killers in user space that have noted a kill.
func daemons(e Evidence) string {
	var all []string
	for _, k := range e.DaemonKills {
		all = append(all, k.String())
	}
	return strings.Join(all, ", ")
}

// judgeByLog judges a target that the kernel log names as a victim of the OOM killer. The log says
// whose limit it was, and no counter may deny it.
func judgeByLog(e Evidence, k OOMKill) (Verdict, string) {
	switch {
	case k.Global:
		return HostOOMKilled, "killed because the whole machine was out of memory"
	case k.Limit == "": // that line was rate-limited
		return judgeByCounters(e)
	case k.Limit == e.Cage && e.EventsLocal.OOM == 0:
		return Inconclusive, fmt.Sprintf("the kernel log says that the limit of %s, the cage's own, was hit, and its own counter oom did not rise", k.Limit)
	case k.Limit == e.Cage:
		v, why := ownKill(e)
		return v, why + together(e, k)
	case strings.HasPrefix(k.Limit, e.Cage+"/"):
		return Inconclusive, fmt.Sprintf("killed by the limit of %s, which is below the cage and not the harness's", k.Limit)
	}
	for _, a := range e.Ancestors {
		if a.Path != k.Limit {
			continue
		}
		if a.EventsLocal.OOM == 0 && e.Unread[EventsOf(a.Path)] == "" {
			return Inconclusive, fmt.Sprintf("the kernel log says that the limit of %s was hit, and its own counter oom did not rise", k.Limit)
		}
		return ancestorKill(a)
	}
	return AncestorOOMKilled, fmt.Sprintf("killed by the limit of %s, not by its own", k.Limit)
}

// judgeByCounters judges a target that the OOM killer has killed, by the counters alone. They do not say
// which of two limits that were hit did it.
func judgeByCounters(e Evidence) (Verdict, string) {
	for _, b := range e.Below {
		switch {
		case b.EventsLocal.OOM == 0:
		case e.EventsLocal.OOM > 0:
			return Inconclusive, fmt.Sprintf("killed by an OOM killer while both the cage's limit and that of %s (memory.max %s), which is below it, were hit, and the kernel log does not say which it was for",
				b.Path, human.Size(b.Max))
		default:
			return Inconclusive, fmt.Sprintf("killed by the limit of %s (memory.max %s), which is below the cage and not the harness's", b.Path, human.Size(b.Max))
		}
	}
	if e.EventsLocal.OOM == 0 {
		return judgeFromAbove(e)
	}
	for _, a := range e.Ancestors {
		if a.EventsLocal.OOM > 0 {
			return Inconclusive, fmt.Sprintf("killed by an OOM killer while both its own limit and that of %s (memory.max %s) were hit, and the kernel log does not say which it was for",
				a.Path, human.Size(a.Max))
		}
	}
	return ownKill(e)
}

func ownKill(e Evidence) (Verdict, string) {
	if e.EventsLocal.OOMGroupKill > 0 {
		return OOMGroupKilled, "killed by its own limit together with all of the cage (memory.oom.group): " + e.killedBy()
	}
	return OOMKilled, "killed by its own limit: " + e.killedBy() + startNote(e)
}

// together names the victim where that is another process with the target's memory.
func together(e Evidence, k OOMKill) string {
	if k.PID == e.PID {
		return ""
	}
	return fmt.Sprintf(", together with %s[%d], which has the same memory and is the one that the kernel names", k.Name, k.PID)
}

func ancestorKill(a Ancestor) (Verdict, string) {
	why := fmt.Sprintf("killed by the limit of %s (memory.max %s), not by its own", a.Path, human.Size(a.Max))
	if a.EventsLocal.OOMGroupKill > 0 {
		why += ", together with all below it (memory.oom.group)"
	}
	return AncestorOOMKilled, why
}

// judgeFromAbove finds out whose limit killed a target whose own limit was not hit.
func judgeFromAbove(e Evidence) (Verdict, string) {
	for _, a := range e.Ancestors {
		if a.EventsLocal.OOM > 0 {
			return ancestorKill(a)
		}
	}
	for _, source := range slices.Sorted(maps.Keys(e.Unread)) {
		if source.isEvents() {
			return Inconclusive, fmt.Sprintf("killed by an OOM killer, not by its own limit; whose limit it was is unknown: %s", e.Unread[source])
		}
	}
	if e.AncestorsHidden {
		return Inconclusive, "killed by an OOM killer, not by a limit that can be seen: a cgroup namespace hides those above"
	}
	return HostOOMKilled, "killed because the whole machine was out of memory: no cgroup's limit was hit"
}

// fullness says how much of its limit the cage had used at most.
func fullness(e Evidence) string {
	used := e.Peak
	if used == 0 { // no memory.peak before Linux 5.19
		used = e.Current
	}
	limit, is := e.inForce()
	if !is {
		return human.Size(used) + ", no memory.max"
	}
	// The kernel charges a few pages beyond a limit where it must.
	if used > limit && human.Size(used) != human.Size(limit) && e.moved() {
		return fmt.Sprintf("%s; at the highest %s, under another limit", human.Of(e.usedUnder(limit), limit), human.Size(used))
	}
	return human.Of(used, limit)
}

func startNote(e Evidence) string {
	switch {
	case e.Ready:
		return ""
	case e.Status.Ended:
		return ", before it was ready"
	default:
		return neverReady
	}
}

const neverReady = ", never ready"

// daemonNote tells of a target that has forked itself away. Its end is that of its parent, which says nothing.
func daemonNote(e Evidence) string {
	if len(e.LeftRunning) == 0 {
		return ""
	}
	return ", while " + listed(e.LeftRunning) + " ran on in the cage: a program that makes a daemon of itself must be told to stay in the foreground, or be followed (Load.UntilEmpty), since only what was started is watched"
}

// listed names all of a few, and the first of many.
func listed(names []string) string {
	const maxNamed = 3
	if left := len(names) - maxNamed; left > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), left)
	}
	return strings.Join(names, ", ")
}

// dead says how many were killed, and where: "a process inside was", "3 processes inside were". A
// group kill counts a process again that it finds while it dies, so their number is not known.
func dead(e Evidence, where string) string {
	switch {
	case e.Events.OOMGroupKill > 0:
		return "processes " + where + " were"
	case e.Events.OOMKill == 1:
		return "a process " + where + " was"
	default:
		return fmt.Sprintf("%d processes %s were", e.Events.OOMKill, where)
	}
}

func processes(n uint64) string {
	if n == 1 {
		return "a process"
	}
	return fmt.Sprintf("%d processes", n)
}
