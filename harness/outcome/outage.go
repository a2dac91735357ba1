package outcome

import (
	"fmt"
	"slices"
	"time"

	"oomcage/harness/internal/human"
)

// Outage is a time in which steps failed. It is noted where a load goes
// on after failed steps (Load.Tolerate), or the target is started again (Target.Restart).
type Outage struct {
	Step   int           `json:"step"`            // the number of the first step that failed
	From   time.Duration `json:"from"`            // when that step was sent, since the run began
	Until  time.Duration `json:"until,omitempty"` // when the first step was acknowledged that had been sent after the failure was known; 0: none was
	Failed int           `json:"failed"`          // how many steps failed
	Error  string        `json:"error,omitempty"` // of the first
}

// Over reports whether a step was acknowledged afterwards.
func (o Outage) Over() bool { return o.Until > 0 }

// Took returns how long the target was gone, seen from outside: from the sending of the first step that failed until the
// acknowledgement that ended the outage; 0 where it is not over.
func (o Outage) Took() time.Duration {
	if !o.Over() {
		return 0
	}
	return o.Until - o.From
}

// String returns "from step 12 on 3 failed, and 1.2 s later one worked".
func (o Outage) String() string {
	text := fmt.Sprintf("from step %d on %d failed, and ", o.Step, o.Failed)
	if !o.Over() {
		return text + "none worked again"
	}
	return text + human.Duration(o.Took()) + " later one worked"
}

// maxOutages bounds what a target that fails again and again leaves in a line of results: of more the shortest are left out.
const maxOutages = 100

// OutageLog takes in the ends of steps, in the order in which they come, and has the outages. The zero value has none.
type OutageLog struct {
	outages []Outage
	seen    time.Duration // when the first failure of the open outage was known
}

// Fail takes in a step that failed, and its error. A step that was sent before the last outage was over belongs to that outage.
func (l *OutageLog) Fail(s StepTime, err error) {
	if last := len(l.outages) - 1; last >= 0 {
		o := &l.outages[last]
		if !o.Over() || s.Begin < o.Until {
			o.Failed++
			if s.Begin < o.From {
				o.From, o.Step = s.Begin, s.N
			}
			return
		}
	}
	if len(l.outages) == maxOutages {
		shortest := 0
		for i, o := range l.outages {
			if o.Took() < l.outages[shortest].Took() {
				shortest = i
			}
		}
		l.outages = slices.Delete(l.outages, shortest, shortest+1)
	}
	l.outages = append(l.outages, Outage{Step: s.N, From: s.Begin, Failed: 1, Error: err.Error()})
	l.seen = s.Begin + s.Took
}

// Acknowledge takes in a step that was acknowledged. It ends an outage, unless it was sent before the first failure was known.
func (l *OutageLog) Acknowledge(s StepTime) {
	if last := len(l.outages) - 1; last >= 0 && !l.outages[last].Over() && s.Begin >= l.seen {
		l.outages[last].Until = s.Begin + s.Took
	}
}

// Outages returns the outages; of more than 100 the longest. nil: there was none.
func (l *OutageLog) Outages() []Outage { return l.outages }

// Unrecovered says which outage was not over within that time; "" where all were. Without an outage nothing has recovered, and it says
// that.
func (o *Outcome) Unrecovered(within time.Duration) string {
	if len(o.Outages) == 0 {
		return "no step failed of a load that goes on then (Load.Tolerate, Target.Restart), so nothing recovered"
	}
	for _, outage := range o.Outages {
		if !outage.Over() || outage.Took() > within {
			return fmt.Sprintf("it did not recover within %v: %s", within, outage)
		}
	}
	return ""
}

// recovery says how steps failed and worked again, for the sentence; "" without an outage.
func (o *Outcome) recovery() string {
	n := len(o.Outages)
	if n == 0 {
		return ""
	}
	text := "; " + o.Outages[0].String()
	if n > 1 {
		text += fmt.Sprintf(", the first of %d outages; the last: %s", n, o.Outages[n-1])
	}
	return text
}
