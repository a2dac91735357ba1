package sweep

import (
	"fmt"
	"math"
	"slices"

	"oomcage/harness/internal/human"
	"oomcage/harness/outcome"
)

// slopeTolerance is what the slope may differ from 1/step, beside what counting whole steps makes: page
// tables take 0.2 % of a step (8 bytes for 4096).
const slopeTolerance = 0.02

const (
	// lineTolerance is how many steps a kill may be off the line, beside the width of its prediction: counting whole steps
	// takes 1/2, and as much the ends of a line through few points.
	lineTolerance = 1.5
	// enoughKills is how many make a line that one of them does not bend: three for each end.
	enoughKills = 9
)

// kill is one by the cage's own limit.
type kill struct {
	outcome *outcome.Outcome
	limit   float64 // memory.max, in steps
	width   float64 // of the prediction, in steps
}

func (k kill) steps() float64 { return float64(k.outcome.Acknowledged) }

// kills are the outcomes that tell how large a step is, the lowest limit first. Kills before the first step are left out: the
// count is then 0 whatever the limit is.
func (g group) kills() []kill {
	var all []kill
	for _, o := range g.limited() {
		if ownKill(o) && len(o.Spec.Schedule) == 0 && o.Acknowledged > 0 && o.Spec.Load.Bytes > 0 && o.Evidence.Limits.Swap == 0 {
			all = append(all, kill{o, float64(o.Evidence.Limits.Max) / float64(o.Spec.Load.Bytes), float64(slack(o))})
		}
	}
	return all
}

// line is steps over limits, both in steps: its slope is 1 if each step takes its bytes.
type line struct{ slope, limit, steps float64 }

func (l line) off(k kill) float64 { return k.steps() - l.steps - l.slope*(k.limit-l.limit) }

// fit makes the line of least squares, and the standard deviation of its slope. A count is the whole part of what
// would fit, and what the program itself holds differs between runs by up to the width of the prediction: each is
// spread evenly, with the variance 1/12 of the square of its width.
func fit(kills []kill) (l line, sigma float64, ok bool) {
	if len(kills) < 2 || kills[0].limit == kills[len(kills)-1].limit {
		return line{}, 0, false
	}
	n := float64(len(kills))
	for _, k := range kills {
		l.limit += k.limit / n
		l.steps += k.steps() / n
	}
	var xy, xx, variance float64
	for _, k := range kills {
		x := k.limit - l.limit
		xy += x * (k.steps() - l.steps)
		xx += x * x
		variance += x * x * (1 + k.width*k.width) / 12
	}
	l.slope = xy / xx
	return l, math.Sqrt(variance) / xx, true
}

// throughThirds is the line through the medians of the lowest and of the highest third, which a few odd points do not
// move, unlike that of least squares. It is less exact.
func throughThirds(kills []kill) line {
	third := len(kills) / 3
	x1, y1 := middle(kills[:third])
	x2, y2 := middle(kills[len(kills)-third:])
	l := line{slope: 1, limit: x1, steps: y1}
	if x2 > x1 {
		l.slope = (y2 - y1) / (x2 - x1)
	}
	var off []float64
	for _, k := range kills {
		off = append(off, l.off(k))
	}
	l.steps += median(off)
	return l
}

func middle(kills []kill) (limit, steps float64) {
	var x, y []float64
	for _, k := range kills {
		x = append(x, k.limit)
		y = append(y, k.steps())
	}
	return median(x), median(y)
}

func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// checkLine draws a line through the kills, names those that are far from it, and measures the slope of the
// rest.
func checkLine(g group) []Finding {
	kills, outliers := split(g.kills())
	l, sigma, ok := fit(kills)
	if !ok {
		return nil
	}
	var found []Finding
	for _, k := range outliers {
		found = append(found, Finding{"outlier", []string{k.outcome.Name}, fmt.Sprintf("%s acknowledged %s, and the line through %d others is there at %.1f",
			k.outcome.Name, human.Count(k.outcome.Acknowledged, "step"), len(kills), k.steps()-l.off(k))})
	}
	// Three standard deviations hold also where rounding is not by chance, as when the limits are a little more than a
	// step apart. Limits much closer than a step are rounded alike, so that their number says nothing: what is
	// left over at both ends of the line then moves the slope by up to 2 steps over its length squared.
	length := kills[len(kills)-1].limit - kills[0].limit
	rounding := max(3*sigma, 2/(length*length))
	if math.Abs(l.slope-1) <= slopeTolerance+rounding {
		return found
	}
	var outcomes []*outcome.Outcome
	for _, k := range kills {
		outcomes = append(outcomes, k.outcome)
	}
	return append(found, g.finding("slope", outcomes, fmt.Sprintf("%.3f steps for each %v of memory.max over %d points, not 1 ± %.1f %% (%.0f %%, and %.1f %% for counting whole steps)",
		l.slope, outcomes[0].Spec.Load.Bytes, len(outcomes), (slopeTolerance+rounding)*100, slopeTolerance*100, rounding*100)))
}

// split takes the outliers out, if there are enough others to tell, and most of them agree.
func split(kills []kill) (on, outliers []kill) {
	if len(kills) < enoughKills {
		return kills, nil
	}
	rough := throughThirds(kills)
	near, _ := partition(kills, func(k kill) bool { return math.Abs(rough.off(k)) <= lineTolerance+0.5+k.width })
	l, _, ok := fit(near)
	if !ok {
		return kills, nil
	}
	on, outliers = partition(kills, func(k kill) bool { return math.Abs(l.off(k)) <= lineTolerance+k.width })
	if len(outliers) > len(on) {
		return kills, nil
	}
	return on, outliers
}

func partition(kills []kill, is func(kill) bool) (yes, no []kill) {
	for _, k := range kills {
		if is(k) {
			yes = append(yes, k)
		} else {
			no = append(no, k)
		}
	}
	return yes, no
}
