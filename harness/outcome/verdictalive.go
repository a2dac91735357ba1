package outcome

import (
	"fmt"
	"strings"
	"time"
)

// judgeAlive judges a target that runs when the evidence is read.
func judgeAlive(e Evidence) (Verdict, string) {
	left, wasAway := e.excursion()
	switch {
	case e.Events.OOMKill > 0:
		return ChildOOMKilled, dead(e, "inside") + " killed by an OOM killer; the target lives"
	case e.EventsLocal.OOM > 0 && e.TimedOut:
		return Stalled, fmt.Sprintf("alive when the time was up, and stuck at its own limit: out of memory (oom %d) at %s, and nothing was killed%s", e.EventsLocal.OOM, fullness(e), spared(e))
	case e.EventsLocal.OOM > 0:
		return Inconclusive, fmt.Sprintf("the cage ran out of memory (oom %d), and nothing was killed%s", e.EventsLocal.OOM, spared(e))
	case e.OtherListener != "":
		return Inconclusive, "alive, but it was not the target that answered: " + e.OtherListener + " listened on its address"
	case e.Unsent != "":
		return Inconclusive, "alive, but the load ended for want of what the harness needs, not for the target's: " + e.Unsent
	case e.TimedOut:
		return judgeTimeUp(e)
	case !e.Ready:
		return Inconclusive, "alive, but it never became ready, so there was no load"
	case e.Unloaded:
		return Inconclusive, "alive, but nothing was loaded: it acknowledged no step"
	case wasAway:
		return Inconclusive, fmt.Sprintf("alive when the load ended, but not all of the time in its cage: it was in %s, seen after %v", left.Group, left.At.Round(time.Millisecond))
	default:
		return Survived, "alive when the load ended: " + fullness(e)
	}
}

// judgeTimeUp judges a target that lives past its time. Where pressure is not measured, memory can
// only be acquitted if no limit was ever met.
func judgeTimeUp(e Evidence) (Verdict, string) {
	up := "alive when the time was up" + startNote(e)
	why, collecting := slowed(e), e.collecting()
	switch {
	case why != "" && collecting != "":
		return Stalled, up + ", and memory was short: " + why + "; " + collecting
	case why != "":
		return Stalled, up + ", and memory was short: " + why
	case collecting != "":
		return Stalled, up + ", and its own memory was short: " + collecting
	}
	if why := e.Unread[StatFile]; why != "" {
		return Inconclusive, up + "; whether memory held it up is unknown: " + why
	}
	unknown := e.Unread[PressureFile]
	switch {
	case unknown == "":
		return TimedOut, up + "; memory was not the cause: no pressure, no memory.high, no refaults"
	case e.metLimit():
		return Inconclusive, up + "; it met a limit, and whether that held it up is unknown, as its memory pressure is: " + unknown
	default:
		return TimedOut, up + "; it met no limit: no memory.max, no memory.high, no refaults; its memory pressure is unknown: " + unknown
	}
}

// metLimit reports whether the kernel had to reclaim for a limit that holds the target, or may have had to.
func (e Evidence) metLimit() bool {
	met := e.AncestorsHidden || e.Events.Max > 0 || e.Events.High > 0
	for _, a := range e.Ancestors {
		met = met || a.EventsLocal.Max > 0 || a.EventsLocal.High > 0 || e.Unread[EventsOf(a.Path)] != ""
	}
	return met
}

// spared says why an OOM killer finds nobody, where that is known.
func spared(e Evidence) string {
	if e.unkillable() {
		return ": no OOM killer chooses a process at oom_score_adj -1000, which the target has"
	}
	return ""
}

// slowed names what held a target up, or "".
func slowed(e Evidence) string {
	var why []string
	if e.Events.High > 0 {
		why = append(why, "over memory.high "+times(e.Events.High))
	}
	if e.Pressure.Some > 0 {
		why = append(why, fmt.Sprintf("%v under memory pressure", e.Pressure.Some))
	}
	if e.Refaults > 0 {
		why = append(why, fmt.Sprintf("%d pages read again after reclaim", e.Refaults))
	}
	return strings.Join(why, ", ")
}
