package sweep

import (
	"slices"

	"oomcage/harness/outcome"
)

// Survived reports whether the load survived: the target lived to its end or, where there was no step, ended by
// itself with exit code 0, and nothing inside was killed. One that died and was started again has not.
func Survived(o *outcome.Outcome) bool {
	endedWell := o.Verdict == outcome.Exited && o.Evidence.Status.Code == 0 && o.Attempted == 0
	return len(o.Lives) == 0 && (o.Verdict == outcome.Survived && o.Error == "" || endedWell)
}

// Failure says why a run did not survive, in a line; "" where it did.
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

// FailedOtherwise reports whether a run failed for another reason than its limit: what the program printed may say which.
func FailedOtherwise(o *outcome.Outcome) bool { return !Survived(o) && !forMemory(o) }
