package outcome

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"oomcage/harness/internal/human"
)

// Applied is a Change of the schedule that came, and what became of it. A change that never came has none.
type Applied struct {
	Change
	Begin time.Duration `json:"begin"`           // when it was written, since the run began
	Took  time.Duration `json:"took"`            // how long the write took: before it is done, the kernel takes memory back, and kills
	Acked int           `json:"acked"`           // how many steps had been acknowledged
	From  Bytes         `json:"from"`            // the limit before; Unlimited: no limit
	Used  Bytes         `json:"used"`            // memory.current before
	Left  Bytes         `json:"left"`            // memory.current afterwards, when a target that it killed had ended
	Error string        `json:"error,omitempty"` // why it could not be written, or is not in force; empty: it is
}

// lowersBelowUse reports whether the kernel had to take memory back for it, or to kill.
func (a Applied) lowersBelowUse() bool { return a.Limit == "max" && a.Error == "" && a.Used > a.To }

// lowering is the scheduled change of memory.max that a kill at that time was for, or nil: the kernel kills before the
// write of the new limit is done.
func (e Evidence) lowering(at time.Duration) *Applied {
	for i := range e.Applied {
		if a := &e.Applied[i]; a.lowersBelowUse() && a.Begin <= at && at <= a.Begin+a.Took {
			return a
		}
	}
	return nil
}

// lastLowering is that of the last kill.
func (e Evidence) lastLowering() *Applied {
	if len(e.KillTimes) == 0 {
		return nil
	}
	return e.lowering(e.KillTimes[len(e.KillTimes)-1].At)
}

// killedBy says how the cage's own limit has killed.
func (e Evidence) killedBy() string {
	a := e.lastLowering()
	if a == nil {
		return fullness(e)
	}
	return fmt.Sprintf("the schedule lowered it %s to %s, when %s were charged", a.when(), human.Size(a.To), human.Size(a.Used))
}

// namesKill reports whether the verdict's reason has when the only kill came.
func (e Evidence) namesKill(v Verdict) bool {
	return (v == OOMKilled || v == OOMGroupKilled) && len(e.KillTimes) == 1 && e.lastLowering() != nil
}

// scheduleNotes say what of the schedule did not come, or failed, each with a semicolon before it.
func (o *Outcome) scheduleNotes() (notes string) {
	for _, c := range o.Spec.Schedule {
		a := o.applied(c)
		switch {
		case a == nil:
			notes += fmt.Sprintf("; the schedule's %s never came: the run was over before", c)
		case a.Error != "":
			notes += fmt.Sprintf("; the schedule's %s failed: %s", c, a.Error)
		}
	}
	return notes
}

// applied is what became of a change, in whichever life of the target; nil where it never came.
func (o *Outcome) applied(c Change) *Applied {
	all := o.Evidence.Applied
	for _, life := range o.Lives {
		all = append(all[:len(all):len(all)], life.Applied...)
	}
	for i := range all {
		if all[i].Change == c {
			return &all[i]
		}
	}
	return nil
}

// swapAt is memory.swap.max of the cage by then.
func (e Evidence) swapAt(at time.Duration) Bytes {
	return e.limitAt("memory.swap.max", e.Limits.Swap, at)
}

// moved reports whether memory.max of the cage became another one during the run.
func (e Evidence) moved() bool {
	return slices.ContainsFunc(e.LimitChanges, func(c LimitChange) bool {
		return c.Group == e.Cage && c.File == "memory.max" && c.At > 0
	})
}

// usedUnder is how much of this limit the cage had used where a higher one was in force when it was fullest. The kernel's
// report has it of a kill, for which all of the limit is needed; else it is what the cage had at the end.
func (e Evidence) usedUnder(limit Bytes) Bytes {
	r := e.OwnReport()
	switch {
	case e.EventsLocal.OOM > 0 && r != nil && r.Memory != nil:
		return r.Memory.Usage
	case e.EventsLocal.OOM > 0:
		return limit
	}
	return e.Current
}

// PredictSchedule is Predict under limits that a schedule changes. A change that comes with a step is known before the run. Of one that
// comes at a time only applied says how many steps had been acknowledged then: such a change counts only when it is among these. A
// target that is charged with more than a new memory.max is killed at once, with the steps that it has acknowledged by then.
func PredictSchedule(b Baseline, l Limits, step Bytes, s Schedule, applied []Applied) Prediction {
	spans := s.spans(l, applied)
	w := Prediction{Lo: -1, Hi: math.MaxInt}
	for i, span := range spans {
		end, last := math.MaxInt, i+1 == len(spans)
		if !last {
			end = spans[i+1].after
		}
		p := Predict(b, span.limits, step)
		if unlimited(span.limits.Max) {
			p.Lo = math.MaxInt
		}
		lo, hi := max(p.Lo, span.after), max(p.Hi, span.after)
		if w.Lo < 0 && (lo < end || !last && spans[i+1].during && lo == end) {
			w.Lo = lo
		}
		if hi < end {
			w.Hi = hi
			break
		}
	}
	if w.Lo < 0 { // the last limits are none, and those before let all steps pass
		w.Lo = spans[len(spans)-1].after
	}
	return w
}

func unlimited(max Bytes) bool { return max == 0 || max == Unlimited }

// span are the limits that hold after so many steps.
type span struct {
	after  int
	during bool // the change came while a step was under way, so that step had both
	limits Limits
}

// spans are the limits one after the other, the first from the beginning.
func (s Schedule) spans(l Limits, applied []Applied) []span {
	spans := []span{{limits: l}}
	add := func(c Change, after int, during bool) {
		last := spans[len(spans)-1]
		next := span{max(after, last.after), during, last.limits}
		*c.Field(&next.limits) = c.To
		spans = append(spans, next)
	}
	for _, a := range applied {
		if a.Error == "" {
			add(a.Change, a.Acked, a.Step == 0 && a.At > 0)
		}
	}
	for _, c := range s.AfterSteps() {
		if !slices.ContainsFunc(applied, func(a Applied) bool { return a.Change == c }) {
			add(c, c.Step, false)
		}
	}
	return spans
}

// Predicts reports whether there is a memory.max at any time of a run which begins with l, so that PredictSchedule has something to say.
func (s Schedule) Predicts(l Limits) bool {
	return !unlimited(l.Max) || slices.ContainsFunc(s, func(c Change) bool { return c.Limit == "max" && c.To != Unlimited })
}

// limitsMoved says which limits were others later, and by whom, or "".
func (o *Outcome) limitsMoved(v Verdict) string {
	var named *Applied
	if v == OOMKilled || v == OOMGroupKilled {
		named = o.Evidence.lastLowering()
	}
	return o.Evidence.scheduledText(named) + o.Evidence.changes()
}

// appliedIn says which limits the schedule has changed in that time, for a row of the graph.
func (e Evidence) appliedIn(after, until time.Duration) string {
	var parts []string
	for _, a := range e.Applied {
		if a.Begin > after && a.Begin <= until && a.Error == "" {
			parts = append(parts, a.File()+" is "+human.Size(a.To))
		}
	}
	return strings.Join(parts, ", ")
}

// joined puts a comma between two texts that are not empty.
func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ", " + b
}

// highestMax is the highest memory.max that was in force and is a number; 0 where there was none.
func (e Evidence) highestMax() Bytes {
	highest := e.Limits.Max
	for _, c := range e.LimitChanges {
		if c.Group == e.Cage && c.File == "memory.max" && c.To != Unlimited && highest != Unlimited {
			highest = max(highest, c.To)
		}
	}
	return highest
}

// scheduledText says what the schedule has done to the limits, but for the change that a sentence names already, or "".
func (e Evidence) scheduledText(but *Applied) string {
	var b strings.Builder
	for i := range e.Applied {
		a := &e.Applied[i]
		if a == but || a.Error != "" {
			continue
		}
		verb := "changed"
		switch {
		case a.To < a.From:
			verb = "lowered"
		case a.To > a.From:
			verb = "raised"
		}
		fmt.Fprintf(&b, "; the schedule %s %s %s, from %s to %s", verb, a.File(), a.when(), human.Size(a.From), human.Size(a.To))
	}
	return b.String()
}
