package outcome

import (
	"fmt"
	"time"

	"oomcage/harness/internal/human"
)

// Life is what became of a target that was then started again in the same cage (Target.Restart). Counters are of this life
// alone.
type Life struct {
	Until   time.Duration `json:"until"` // when it was known to have ended, since the run began
	Verdict Verdict       `json:"verdict"`
	Why     string        `json:"why"`
	Status  ExitStatus    `json:"status"`

	Acknowledged int `json:"acknowledged"`
	Attempted    int `json:"attempted"`
	Failed       int `json:"failed,omitempty"`
	InFlight     int `json:"in_flight,omitempty"`

	Predicted *Prediction `json:"predicted,omitempty"`
	Peak      Bytes       `json:"peak,omitempty"` // memory.peak of the cage by then
	Events    Events      `json:"events"`         // memory.events

	Applied []Applied `json:"applied,omitempty"` // what came of the schedule
}

// Life is the outcome as one of several lives.
func (o *Outcome) Life() Life {
	return Life{
		Until: o.Took, Verdict: o.Verdict, Why: o.Why, Status: o.Evidence.Status,
		Acknowledged: o.Acknowledged, Attempted: o.Attempted, Failed: o.Failed, InFlight: o.InFlight,
		Predicted: o.Predicted, Peak: o.Peak, Events: o.Evidence.Events, Applied: o.Evidence.Applied,
	}
}

// String prints "oom-killed after 49 steps".
func (l Life) String() string {
	if l.Attempted == 0 {
		return string(l.Verdict)
	}
	return fmt.Sprintf("%s after %s", l.Verdict, human.Count(l.Acknowledged, "step"))
}

// Steps are how many were acknowledged and sent in all lives.
func (o *Outcome) Steps() (acknowledged, attempted int) {
	acknowledged, attempted = o.Acknowledged, o.Attempted
	for _, l := range o.Lives {
		acknowledged += l.Acknowledged
		attempted += l.Attempted
	}
	return acknowledged, attempted
}

// lived says, for the sentence, how earlier lives ended; "" where there is none.
func (o *Outcome) lived() string {
	n := len(o.Lives)
	if n == 0 {
		return ""
	}
	text := fmt.Sprintf("; it was started again %s, and before that ", times(n))
	if n == 1 {
		return text + "it was " + o.Lives[0].String()
	}
	return text + fmt.Sprintf("it was %s first and %s last", o.Lives[0], o.Lives[n-1])
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
