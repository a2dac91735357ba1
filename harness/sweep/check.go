package sweep

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"oomcage/harness"
)

// Finding is something about the outcomes of a sweep that contradicts the kernel's arithmetic, or
// themselves.
type Finding struct {
	Check  string   `json:"check"`  // one of the names of Checks
	Points []string `json:"points"` // by their names
	Text   string   `json:"text"`
}

// String is one line.
func (f Finding) String() string { return f.Check + ": " + f.Text }

// Checks are the names of the checks, and what each says.
var Checks = []struct{ Name, What string }{
	{"window", "every kill by the cage's own limit came within the predicted steps"},
	{"monotone", "with a higher memory.max, no fewer steps were acknowledged and nothing died that had survived"},
	{"slope", "steps over memory.max rise by one for each step's bytes, within 2 %"},
	{"flaky", "the repeats of a point have the same verdict and exit code, and counts that its window explains"},
	{"inconclusive", "every outcome is clear"},
}

// Check looks over all outcomes of a sweep, in any order. It is pure: the same outcomes, read from a file,
// say the same anywhere. None means that nothing was found.
func Check(outcomes []*harness.Outcome) []Finding {
	var found []Finding
	for _, o := range outcomes {
		found = append(found, checkWindow(o)...)
		if o.Verdict == harness.Inconclusive {
			found = append(found, Finding{"inconclusive", []string{o.Name}, fmt.Sprintf("%s: %s", o.Name, o.Why)})
		}
	}
	for _, g := range groups(outcomes, RepeatAxis) {
		found = append(found, checkFlaky(g)...)
	}
	for _, g := range groups(outcomes, RepeatAxis, "max") {
		found = append(found, checkMonotone(g)...)
		found = append(found, checkSlope(g)...)
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(rank(a.Check), rank(b.Check)) })
	return found
}

func rank(check string) int {
	for i, c := range Checks {
		if c.Name == check {
			return i
		}
	}
	return len(Checks)
}

// group is outcomes that differ in the left-out axes alone.
type group struct {
	name     string // without those axes
	outcomes []*harness.Outcome
}

// groups puts the outcomes together that are the same but for these axes, in the order in which each group
// is first met.
func groups(outcomes []*harness.Outcome, without ...string) []group {
	var all []group
	at := map[string]int{}
	for _, o := range outcomes {
		var rest []string
		for _, v := range Values(o.Name) {
			if !slices.Contains(without, v.Axis) {
				rest = append(rest, v.Axis+"="+v.Text)
			}
		}
		name := strings.Join(rest, "/")
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

func checkWindow(o *harness.Outcome) []Finding {
	ownKill := o.Verdict == harness.OOMKilled || o.Verdict == harness.OOMGroupKilled
	if !ownKill || o.Window == nil || o.Window.Contains(o.Acknowledged) {
		return nil
	}
	return []Finding{{"window", []string{o.Name}, fmt.Sprintf("%s: killed after %d steps, and %s were predicted", o.Name, o.Acknowledged, o.Window)}}
}

// ending is how an outcome ended: of two programs that exited, one may have failed.
type ending struct {
	verdict harness.Verdict
	code    int // of an exit
}

func endingOf(o *harness.Outcome) ending {
	e := ending{verdict: o.Verdict}
	if o.Verdict == harness.Exited {
		e.code = o.Evidence.Status.Code
	}
	return e
}

// String prints "oom-killed", or "exited (code 1)".
func (e ending) String() string {
	if e.verdict == harness.Exited {
		return fmt.Sprintf("%s (code %d)", e.verdict, e.code)
	}
	return string(e.verdict)
}

// compareEndings orders by the table of verdicts.
func compareEndings(a, b ending) int {
	all := harness.Verdicts()
	return cmp.Or(cmp.Compare(slices.Index(all, a.verdict), slices.Index(all, b.verdict)), cmp.Compare(a.code, b.code))
}

// checkFlaky compares the repeats of one point.
func checkFlaky(g group) []Finding {
	endings := map[ending]int{}
	var names []string
	lo, hi := math.MaxInt, 0
	width := 0
	for _, o := range g.outcomes {
		endings[endingOf(o)]++
		names = append(names, o.Name)
		lo, hi = min(lo, o.Acknowledged), max(hi, o.Acknowledged)
		if o.Window != nil && o.Window.Hi != math.MaxInt {
			width = max(width, o.Window.Hi-o.Window.Lo)
		}
	}
	switch {
	case len(endings) > 1:
		var parts []string
		for _, e := range slices.SortedFunc(maps.Keys(endings), compareEndings) {
			parts = append(parts, fmt.Sprintf("%s %d", e, endings[e]))
		}
		return []Finding{{"flaky", names, fmt.Sprintf("%s: %s, of %d", g.name, strings.Join(parts, ", "), len(g.outcomes))}}
	case hi-lo > width:
		return []Finding{{"flaky", names, fmt.Sprintf("%s: %d to %d steps in %d runs", g.name, lo, hi, len(g.outcomes))}}
	}
	return nil
}

// limited returns the outcomes with a memory.max, the lowest first.
func (g group) limited() []*harness.Outcome {
	var with []*harness.Outcome
	for _, o := range g.outcomes {
		if l := o.Evidence.Limits.Max; l > 0 && l != harness.Unlimited {
			with = append(with, o)
		}
	}
	slices.SortStableFunc(with, func(a, b *harness.Outcome) int {
		return cmp.Compare(a.Evidence.Limits.Max, b.Evidence.Limits.Max)
	})
	return with
}

// checkMonotone compares each outcome with the best of those that had less memory. Within a window's width
// counts may differ either way. A program without steps survives by its exit code alone, see Survived; one with
// steps that lives, and was refused a step, is judged by its count.
func checkMonotone(g group) []Finding {
	var found []Finding
	var most, survived *harness.Outcome
	outcomes := g.limited()
	for i := 0; i < len(outcomes); {
		same := i // outcomes of one limit are repeats: they are not compared
		for ; i < len(outcomes) && outcomes[i].Evidence.Limits.Max == outcomes[same].Evidence.Limits.Max; i++ {
			o := outcomes[i]
			switch {
			case survived != nil && !Survived(o) && o.Verdict != harness.Survived:
				found = append(found, Finding{"monotone", []string{survived.Name, o.Name},
					fmt.Sprintf("%s survived, and %s, which has more memory, was %s", survived.Name, o.Name, endingOf(o))})
			case most != nil && o.Acknowledged < most.Acknowledged-slack(most, o):
				found = append(found, Finding{"monotone", []string{most.Name, o.Name},
					fmt.Sprintf("%s acknowledged %d steps, and %s, which has more memory, only %d", most.Name, most.Acknowledged, o.Name, o.Acknowledged)})
			}
		}
		for _, o := range outcomes[same:i] {
			if most == nil || o.Acknowledged > most.Acknowledged {
				most = o
			}
			if Survived(o) {
				survived = o
			}
		}
	}
	return found
}

func slack(outcomes ...*harness.Outcome) int {
	width := 0
	for _, o := range outcomes {
		if o.Window != nil && o.Window.Hi != math.MaxInt {
			width = max(width, o.Window.Hi-o.Window.Lo)
		}
	}
	return width
}

// slopeTolerance is what the slope may differ from 1/step, beside what counting whole steps makes: page
// tables take 0.2 % of a step (8 bytes for 4096).
const slopeTolerance = 0.02

// checkSlope fits a line through the counts of steps at which the cage's own limit killed, over memory.max.
// Counts are whole, and within their window: each may lie up to 1/2, and the window's width, off the line,
// which shifts the slope by no more than sum(|x|·off) / sum(x²), x from the mean. A few points therefore
// say little about 2 %; only what their rounding cannot explain is found.
func checkSlope(g group) []Finding {
	var x, y, off []float64
	var names []string
	var step harness.Bytes
	for _, o := range g.limited() {
		if o.Verdict != harness.OOMKilled && o.Verdict != harness.OOMGroupKilled || o.Spec.Load.Bytes <= 0 || o.Evidence.Limits.Swap != 0 {
			continue
		}
		step = o.Spec.Load.Bytes
		x = append(x, float64(o.Evidence.Limits.Max))
		y = append(y, float64(o.Acknowledged))
		off = append(off, 0.5+float64(slack(o)))
		names = append(names, o.Name)
	}
	if len(x) < 2 || slices.Min(x) == slices.Max(x) {
		return nil
	}
	var meanX, meanY float64
	for i := range x {
		meanX += x[i] / float64(len(x))
		meanY += y[i] / float64(len(x))
	}
	var xy, xx, most float64
	for i := range x {
		xy += (x[i] - meanX) * (y[i] - meanY)
		xx += (x[i] - meanX) * (x[i] - meanX)
		most += math.Abs(x[i]-meanX) * off[i]
	}
	slope := xy / xx * float64(step) // 1 if each step takes its bytes
	rounding := most / xx * float64(step)
	if math.Abs(slope-1) <= slopeTolerance+rounding {
		return nil
	}
	return []Finding{{"slope", names, fmt.Sprintf("%s: %.3f steps for each %v of memory.max over %d points, not 1 (±%.0f %%, and %.1f %% for counting whole steps)",
		g.name, slope, step, len(x), slopeTolerance*100, rounding*100)}}
}
