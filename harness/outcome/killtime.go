package outcome

import (
	"fmt"
	"time"

	"oomcage/harness/internal/human"
)

// KillTime is when an OOM kill in the cage was first seen in memory.events.
type KillTime struct {
	At   time.Duration `json:"at"`   // since the run began
	Step int           `json:"step"` // the number of the last step that had been sent; 0: none had

	// Acknowledged is how many steps had been acknowledged by then. With several clients it may be less than Step by more
	// than one.
	Acknowledged int `json:"acknowledged,omitempty"`
}

// acknowledgedAtKill is how many steps had been acknowledged when the limit was first too little: at the first OOM kill
// in the cage, whoever it took, or else at the end. A step that was acknowledged all the same does not count when a
// kill came during it, unless the target itself was killed.
func (o *Outcome) acknowledgedAtKill(v Verdict) int {
	if len(o.Evidence.KillTimes) == 0 {
		return o.Acknowledged
	}
	if a := o.Evidence.lowering(o.Evidence.KillTimes[0].At); a != nil {
		return a.Acked
	}
	if o.many() {
		if v != ChildOOMKilled && len(o.Evidence.KillTimes) == 1 {
			return o.Acknowledged
		}
		return min(o.Evidence.KillTimes[0].Acknowledged, o.Acknowledged)
	}
	step := o.Evidence.KillTimes[0].Step
	if v != ChildOOMKilled && step >= o.Acknowledged {
		return o.Acknowledged
	}
	return min(max(step-1, 0), o.Acknowledged)
}

// Mispredicted says by how much the acknowledged steps miss the prediction, or that there is none; "" where they meet it. Where an OOM
// kill came before the load's end, of a child for example, the steps up to that kill count. It does not look at the verdict.
func (o *Outcome) Mispredicted() string {
	n := o.acknowledgedAtKill(o.Verdict)
	switch {
	case o.Predicted == nil:
		return "there is no prediction"
	case o.Predicted.Contains(n):
		return ""
	case n < o.Acknowledged && o.many():
		return fmt.Sprintf("the first OOM kill came when %s had been acknowledged, and %s were predicted", human.Count(n, "step"), o.Predicted)
	case n < o.Acknowledged:
		return fmt.Sprintf("the first OOM kill came during step %d, and %s steps were predicted", o.Evidence.KillTimes[0].Step, o.Predicted)
	default:
		return fmt.Sprintf("%s acknowledged, and %s were predicted", human.Were(o.Acknowledged, "step"), o.Predicted)
	}
}

// killedBetweenSteps reports whether the target's only kill was counted when its last step had been acknowledged and the
// next was not sent yet: that one was sent to a process which was dying.
func (o *Outcome) killedBetweenSteps(v Verdict) bool {
	times := o.Evidence.KillTimes
	return v == OOMKilled && len(times) == 1 && times[0].Step == o.Acknowledged
}

// killNote places a kill that did not come with the last step, or returns "".
func (o *Outcome) killNote(v Verdict, past past) string {
	times := o.Evidence.KillTimes
	if len(times) > 0 && o.many() {
		if n := o.acknowledgedAtKill(v); n < o.Acknowledged {
			return fmt.Sprintf("; the first kill came when %s had been acknowledged", human.Count(n, "step"))
		}
		return ""
	}
	if len(times) == 0 || o.Attempted == 0 || times[0].Step >= o.Attempted || o.killedBetweenSteps(v) || o.Evidence.namesKill(v) {
		return ""
	}
	which, when := "the kill", fmt.Sprintf("during step %d of %d%s", past.attempted+times[0].Step, past.attempted+o.Attempted, past.ofLoad())
	if len(times) > 1 {
		which = "the first kill"
	}
	if times[0].Step == 0 {
		when = "before the first step"
	}
	if a := o.Evidence.lowering(times[0].At); a != nil {
		when = fmt.Sprintf("when the schedule lowered memory.max to %s, %s of %d", human.Size(a.To), a.when(), past.attempted+o.Attempted)
	}
	return fmt.Sprintf("; %s came %s", which, when)
}
