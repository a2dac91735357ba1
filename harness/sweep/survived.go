package sweep

import (
	"slices"

	"oomcage/harness/outcome"
)

// Survived reports whether the target survived its load: it lived until the load ended, and no step or probe failed; or there was no
// step, and it ended by itself with exit code 0. No process in the cage was killed. A target that died and was started again has not
// survived.
func Survived(o *outcome.Outcome) bool {
	endedWell := o.Verdict == outcome.Exited && o.Evidence.Status.Code == 0 && o.Attempted == 0
	return len(o.Lives) == 0 && (o.Verdict == outcome.Survived && o.Error == "" || endedWell)
}

// Failure says in a line why a run did not survive; "" where it did.
func Failure(o *outcome.Outcome) string {
	switch {
	case Survived(o):
		return ""
	case o.Error == "" || forMemory(o): // the error of a step whose target was killed says nothing more
		return o.Why
	default:
		return o.Why + ": " + o.Error
	}
}

// forMemory reports whether the limit may be why a run did not survive: with more of it, another may.
func forMemory(o *outcome.Outcome) bool {
	return endsForMemory(o.Verdict) || slices.ContainsFunc(o.Lives, func(l outcome.Life) bool { return endsForMemory(l.Verdict) })
}

func endsForMemory(v outcome.Verdict) bool {
	switch v {
	case outcome.OOMKilled, outcome.OOMGroupKilled, outcome.ChildOOMKilled, outcome.RuntimeOOM, outcome.Stalled:
		return true
	default:
		return false
	}
}

// FailedOtherwise reports whether a run did not survive for another reason than its limit. Outcome.Output may say which.
func FailedOtherwise(o *outcome.Outcome) bool { return !Survived(o) && !forMemory(o) }
