package sweep

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"oomcage/harness/internal/human"
	"oomcage/harness/outcome"
)

// Finding is what a check has found: outcomes of a sweep that contradict each other or the prediction, or that say nothing of the
// limits.
type Finding struct {
	Check  string   `json:"check"`  // one of the names of Checks
	Points []string `json:"points"` // the names of the outcomes that it is about
	Text   string   `json:"text"`   // a sentence without a full stop
}

// String returns the check and the text, as "monotone: …".
func (f Finding) String() string { return f.Check + ": " + f.Text }

// Checks are the checks by their names, in the order of the findings, and What holds where each finds nothing. The repeats
// come first: where they differ, everything else is in doubt.
var Checks = []struct{ Name, What string }{
	{"flaky", "the repeats of a point have the same verdict and exit code (but at the border that a bisect has found), and counts that its prediction explains"},
	{"load", "no first step, and no probe before it, failed while the target lived"},
	{"end", "no target was ended by a limit above its own, the machine's end of memory, another signal or the time"},
	{"prediction", "every kill by the cage's own limit came within the predicted steps"},
	{"monotone", "with a higher memory.max, no fewer steps were acknowledged and nothing died that had survived"},
	{"outlier", "no kill is far from the line through the others that differ from it in memory.max alone"},
	{"slope", "steps over memory.max rise by one for each step's bytes, within 2 % and what counting whole steps makes"},
	{"inconclusive", "every outcome is clear"},
}

// Check makes all Checks of the outcomes of a sweep, which may come in any order. It returns the findings in the order of Checks; none
// where all of them hold. It looks at the outcomes alone: those of a file give the same findings on any machine.
func Check(outcomes []*outcome.Outcome) []Finding {
	var found []Finding
	for _, o := range outcomes {
		found = append(found, checkPrediction(o)...)
		if o.Verdict == outcome.Inconclusive && (!o.Evidence.Unloaded || o.Evidence.Unsent != "") {
			found = append(found, Finding{"inconclusive", []string{o.Name}, fmt.Sprintf("%s: %s", o.Name, o.Why)})
		}
	}
	told := borders(outcomes)
	for _, g := range groups(outcomes, RepeatAxis) {
		found = append(found, checkFlaky(g, told[g.outcomes[0]])...)
	}
	found = append(found, checkStart(outcomes)...)
	for _, g := range groups(outcomes, RepeatAxis, "max") {
		found = append(found, checkLoad(g)...)
		found = append(found, checkEnds(g)...)
		found = append(found, checkMonotone(g, told[g.outcomes[0]])...)
		found = append(found, checkLine(g)...)
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(rank(a.Check), rank(b.Check)) })
	return found
}

// rank is the place of a check; -1 where there is none of that name.
func rank(check string) int {
	return slices.IndexFunc(Checks, func(c struct{ Name, What string }) bool { return c.Name == check })
}

// group is outcomes that differ in the left-out axes alone.
type group struct {
	name     string // without those axes: "" if there is no other
	outcomes []*outcome.Outcome
}

// groups puts the outcomes together that are the same but for these axes, in the order in which each group
// is first met.
func groups(outcomes []*outcome.Outcome, without ...string) []group {
	var all []group
	at := map[string]int{}
	for _, o := range outcomes {
		name := Without(o.Name, without...)
		i, ok := at[name]
		if !ok {
			i = len(all)
			at[name] = i
			all = append(all, group{name: name})
		}
		all[i].outcomes = append(all[i].outcomes, o)
	}
	return all
}

// ownKill reports whether the cage's own limit killed the target under its load, and not in the shutdown after it.
func ownKill(o *outcome.Outcome) bool {
	return (o.Verdict == outcome.OOMKilled || o.Verdict == outcome.OOMGroupKilled) && o.Evidence.Stop == nil
}

func checkPrediction(o *outcome.Outcome) []Finding {
	if !ownKill(o) || o.Predicted == nil || o.Mispredicted() == "" {
		return nil
	}
	return []Finding{{"prediction", []string{o.Name}, fmt.Sprintf("%s: killed after %s, and %s were predicted", o.Name, human.Count(o.Acknowledged, "step"), o.Predicted)}}
}

// Ending is how an outcome ended: of two programs that exited, one may have failed.
type Ending struct {
	verdict outcome.Verdict
	code    int // of an exit
}

// EndingOf returns the ending of an outcome.
func EndingOf(o *outcome.Outcome) Ending {
	e := Ending{verdict: o.Verdict}
	if o.Verdict == outcome.Exited {
		e.code = o.Evidence.Status.Code
	}
	return e
}

// String returns "oom-killed", or "exited (code 1)".
func (e Ending) String() string {
	if e.verdict == outcome.Exited {
		return fmt.Sprintf("%s (code %d)", e.verdict, e.code)
	}
	return string(e.verdict)
}

// compareEndings orders by the table of verdicts.
func compareEndings(a, b Ending) int {
	all := outcome.Verdicts()
	return cmp.Or(cmp.Compare(slices.Index(all, a.verdict), slices.Index(all, b.verdict)), cmp.Compare(a.code, b.code))
}

// checkFlaky compares the repeats of one point. border is what its search has told of.
func checkFlaky(g group, border *span) []Finding {
	endings := map[Ending]int{}
	lo, hi := math.MaxInt, 0
	for _, o := range g.outcomes {
		endings[EndingOf(o)]++
		lo, hi = min(lo, o.Acknowledged), max(hi, o.Acknowledged)
	}
	switch {
	case border.divides(g.outcomes[0]), len(endings) == 1 && border.holds(g.outcomes[0]):
		return nil
	case len(endings) > 1:
		var parts []string
		for _, e := range slices.SortedFunc(maps.Keys(endings), compareEndings) {
			parts = append(parts, fmt.Sprintf("%s %d", e, endings[e]))
		}
		return []Finding{g.finding("flaky", g.outcomes, fmt.Sprintf("%s, of %d", strings.Join(parts, ", "), len(g.outcomes)))}
	case hi-lo > slack(g.outcomes...):
		return []Finding{g.finding("flaky", g.outcomes, fmt.Sprintf("%d to %d steps in %d runs", lo, hi, len(g.outcomes)))}
	}
	return nil
}

// slack is how far the counts of these outcomes may differ: near a boundary a run may take a step more or
// less, as wide as its prediction is.
func slack(outcomes ...*outcome.Outcome) int {
	width := 0
	for _, o := range outcomes {
		if o.Predicted != nil && o.Predicted.Hi != math.MaxInt {
			width = max(width, o.Predicted.Hi-o.Predicted.Lo)
		}
	}
	return width
}

// limited returns the outcomes with a memory.max, the lowest first. Those whose limits moved by the clock are left out: how many
// steps they had by then is not the limit's doing.
func (g group) limited() []*outcome.Outcome {
	var with []*outcome.Outcome
	for _, o := range g.outcomes {
		byClock := slices.ContainsFunc(o.Spec.Schedule, func(c outcome.Change) bool { return c.At > 0 })
		if l := o.Evidence.Limits.Max; l > 0 && l != outcome.Unlimited && !byClock {
			with = append(with, o)
		}
	}
	slices.SortStableFunc(with, func(a, b *outcome.Outcome) int {
		return cmp.Compare(a.Evidence.Limits.Max, b.Evidence.Limits.Max)
	})
	return with
}

// finding is one about the group as a whole.
func (g group) finding(check string, outcomes []*outcome.Outcome, text string) Finding {
	f := Finding{Check: check, Text: text}
	for _, o := range outcomes {
		f.Points = append(f.Points, o.Name)
	}
	if g.name != "" {
		f.Text = g.name + ": " + text
	}
	return f
}
