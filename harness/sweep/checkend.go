package sweep

import (
	"cmp"
	"fmt"
	"slices"

	"oomcage/harness/outcome"
)

// noLoad reports whether the target lived and took no step, though there was one to take or a probe that was to come
// first: a wrong path or port, for example, which says nothing about memory. One that is refused later has
// taken what it could.
func noLoad(o *outcome.Outcome) bool {
	lived := o.Verdict == outcome.Survived || o.Verdict == outcome.TimedOut || o.Verdict == outcome.Inconclusive && o.Evidence.Unloaded && o.Evidence.Unsent == ""
	return lived && o.Acknowledged == 0 && (o.Attempted > 0 || !o.Evidence.Ready)
}

// checkLoad makes one finding of all points that differ in memory.max alone: they mostly have one cause. Where a
// higher limit let the target take steps, a lower one may be what it refused them for.
func checkLoad(g group) []Finding {
	var maxLimit outcome.Bytes // of the limits that let it take steps
	for _, o := range g.outcomes {
		if o.Acknowledged > 0 {
			maxLimit = max(maxLimit, o.Evidence.Limits.Max)
		}
	}
	failed := filter(g.outcomes, func(o *outcome.Outcome) bool { return noLoad(o) && o.Evidence.Limits.Max >= maxLimit })
	if len(failed) == 0 {
		return nil
	}
	first := failed[0]
	return []Finding{g.finding("load", failed, fmt.Sprintf("nothing was measured at %d of %d points: the load failed while the target lived; the first, %s: %s",
		len(failed), len(g.outcomes), first.Name, cmp.Or(first.Error, first.Why)))}
}

// checkStart finds a sweep whose program could not be started anywhere. Where some points were ready, others may
// have ended before for want of memory.
func checkStart(outcomes []*outcome.Outcome) []Finding {
	early := func(o *outcome.Outcome) bool { return o.Verdict == outcome.Exited && !o.Evidence.Ready }
	if len(outcomes) == 0 || len(filter(outcomes, early)) < len(outcomes) {
		return nil
	}
	first := outcomes[0]
	return []Finding{group{}.finding("load", outcomes, fmt.Sprintf("nothing was measured at any of %d points: the target always ended by itself before it was ready; the first, %s: %s",
		len(outcomes), first.Name, first.Why))}
}

// foreignEnd reports whether something had an end that neither the target nor the limits of its cage made. Without a
// memory.max a load that has no end is ended by the time alone, and so is a target that runs without steps.
func foreignEnd(o *outcome.Outcome) bool {
	switch o.Verdict {
	case outcome.AncestorOOMKilled, outcome.HostOOMKilled, outcome.Killed:
		return true
	case outcome.TimedOut:
		l := o.Evidence.Limits.Max
		endless := o.Spec.Load.Count == 0 && (l == 0 || l == outcome.Unlimited)
		return o.Acknowledged > 0 && !endless
	default:
		return false
	}
}

// checkEnds makes one finding of each such verdict, of all points that differ in memory.max alone.
func checkEnds(g group) []Finding {
	var found []Finding
	foreign := filter(g.outcomes, foreignEnd)
	for _, v := range outcome.Verdicts() {
		same := filter(foreign, func(o *outcome.Outcome) bool { return o.Verdict == v })
		if len(same) > 0 {
			found = append(found, g.finding("end", same, fmt.Sprintf("%s at %d of %d points; the first, %s: %s", v, len(same), len(g.outcomes), same[0].Name, same[0].Why)))
		}
	}
	return found
}

func filter(outcomes []*outcome.Outcome, keep func(*outcome.Outcome) bool) []*outcome.Outcome {
	return slices.DeleteFunc(slices.Clone(outcomes), func(o *outcome.Outcome) bool { return !keep(o) })
}
