package outcome

import (
	"fmt"

	"oomcage/harness/internal/human"
)

// many reports whether several steps may have been under way at once, or have failed: then the number of the last one that
// was sent says little.
func (o *Outcome) many() bool {
	return o.Spec.Load.MaxInFlight() > 1 || o.Spec.Load.Tolerate > 0
}

// stepsDone says, for the sentence of a load with many steps at once, what became of them.
func (o *Outcome) stepsDone(past past) string {
	of := ""
	if past.attempted > 0 {
		of = " of this life"
	}
	text := fmt.Sprintf(", after %s%s had been acknowledged", human.Count(o.Acknowledged, "step"), of)
	if o.InFlight > 0 {
		text += fmt.Sprintf(", with %d in flight", o.InFlight)
	}
	if o.Failed > 0 {
		text += fmt.Sprintf("; %s failed", human.Count(o.Failed, "step"))
	}
	return text
}

// unacknowledged says, where there were many steps at once, what became of the others.
func (o *Outcome) unacknowledged() string {
	if !o.many() || o.Failed+o.InFlight == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d failed, %d in flight)", o.Failed, o.InFlight)
}

// connection is what one more client costs the target beside its steps: a connection with its buffers, and a thread or
// goroutine. A gin server took 17 to 21 KiB each (measured 2026-11, 64 clients); half as much again twice is for others.
const connection = 64 * KiB

// allowInFlight moves the lower end of the prediction down for what had no answer when the first kill came, or at the end: each
// of these steps may have taken its memory, but for the one that met the limit. So may steps that failed.
func (o *Outcome) allowInFlight() {
	if o.Predicted == nil || !o.many() {
		return
	}
	inFlight := o.InFlight
	if times := o.Evidence.KillTimes; len(times) > 0 {
		inFlight = max(inFlight, times[0].Step-times[0].Acknowledged)
	}
	less := o.Failed + max(inFlight-1, 0)
	if step := o.Spec.Load.Bytes; step > 0 && inFlight > 1 {
		less += toInt(int64((Bytes(inFlight)*connection + step - 1) / step))
	}
	o.Predicted = &Prediction{Lo: max(o.Predicted.Lo-less, 0), Hi: o.Predicted.Hi}
}
