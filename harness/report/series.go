package report

import (
	"cmp"
	"math"
	"slices"

	"oomcage/harness/internal/chart"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// series is the points that differ in memory.max alone.
type series struct {
	name     string
	outcomes []*outcome.Outcome // the lowest limit first
}

// series returns the series of points that have a memory.max, the one with the most steps first. Points that all have
// the same limit are no series.
func (s *Set) series() []series {
	var all []series
	at := map[string]int{}
	limits := map[outcome.Bytes]bool{}
	for _, o := range s.Outcomes {
		if finite(o.Evidence.Limits.Max) == 0 {
			continue
		}
		limits[o.Evidence.Limits.Max] = true
		name := sweep.Without(o.Name, "max", sweep.RepeatAxis)
		i, ok := at[name]
		if !ok {
			i = len(all)
			at[name] = i
			all = append(all, series{name: printable.Line(ends(cmp.Or(name, "all"), 60))})
		}
		all[i].outcomes = append(all[i].outcomes, o)
	}
	if len(limits) < 2 {
		return nil
	}
	for _, s := range all {
		slices.SortStableFunc(s.outcomes, func(a, b *outcome.Outcome) int { return cmp.Compare(maxOf(a), maxOf(b)) })
	}
	slices.SortStableFunc(all, func(a, b series) int { return b.maxSteps() - a.maxSteps() })
	return all
}

func maxOf(o *outcome.Outcome) int64 { return int64(o.Evidence.Limits.Max) }

func (s series) maxSteps() int {
	maxSteps := 0
	for _, o := range s.outcomes {
		maxSteps = max(maxSteps, o.Acknowledged)
	}
	return maxSteps
}

// killsScales are those of a plot of these series.
func killsScales(all ...series) (x, y scale) {
	var limits []float64
	maxSteps := 0
	for _, s := range all {
		maxSteps = max(maxSteps, s.maxSteps())
		for _, o := range s.outcomes {
			limits = append(limits, float64(maxOf(o)))
		}
	}
	return limitScale(limits, 9), chart.Counts(max(1, float64(maxSteps)*1.08))
}

// limitScale is an axis of memory.max: from 0, unless far limits are cut off.
func limitScale(limits []float64, most int) scale {
	return chart.Limits(limits, most, func(_, highest float64) scale { return chart.Sizes(highest*1.03, most) })
}

// ownLimit are the verdicts of points that the cage's own limit has killed: their marks are filled.
var ownLimit = []outcome.Verdict{outcome.OOMKilled, outcome.OOMGroupKilled}

// window is what was predicted at a limit.
type window struct {
	Max int64 `json:"max"`
	Lo  int   `json:"lo"`
	Hi  int   `json:"hi"`
}

// band is the windows of a series. Repeats have one each; the widest counts. One without an upper end is left out.
func (s series) band() []window {
	var all []window
	for _, o := range s.outcomes {
		if o.Predicted == nil || o.Predicted.Hi == math.MaxInt {
			continue
		}
		w := window{maxOf(o), o.Predicted.Lo, o.Predicted.Hi}
		if last := len(all) - 1; last >= 0 && all[last].Max == w.Max {
			all[last].Lo, all[last].Hi = min(all[last].Lo, w.Lo), max(all[last].Hi, w.Hi)
		} else {
			all = append(all, w)
		}
	}
	return all
}
