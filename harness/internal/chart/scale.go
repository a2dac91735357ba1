// Package chart has the scales of plots, and draws plots of a few lines as SVG, which needs no script.
package chart

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"oomcage/harness/internal/human"
)

// Scale is an axis of a plot from From to Top. What is Far beyond it stands behind a cut, evenly spaced, or all else would be
// one blot.
type Scale struct {
	From  float64 `json:"from,omitempty"`
	Top   float64 `json:"top"`
	Ticks []Tick  `json:"ticks"`
	Far   []Tick  `json:"far,omitempty"`
}

// farRoom is how much of what is before the cut each value behind it takes.
const farRoom = 0.16

// Place is where a value is drawn on the axis, between From and End. What is behind the cut and no value of it stands at the next one.
func (s Scale) Place(v float64) float64 {
	if v <= s.Top || len(s.Far) == 0 {
		return v
	}
	i := 0
	for i < len(s.Far)-1 && s.Far[i].At < v {
		i++
	}
	return s.Top + (float64(i)+0.6)*farRoom*(s.Top-s.From)
}

// End is where the axis ends.
func (s Scale) End() float64 { return s.Top + float64(len(s.Far))*farRoom*(s.Top-s.From) }

// Cut reports whether a value stands behind the cut.
func (s Scale) Cut(v float64) bool { return len(s.Far) > 0 && v > s.Top }

// Tick is a round number on a scale.
type Tick struct {
	At   float64 `json:"at"`
	Text string  `json:"text"`
}

// NewScale has at most that many ticks beside the one at 0. Each next factor, of those given in turn, makes their distance
// a larger round number.
func NewScale(top float64, most int, text func(at float64) string, factors ...float64) Scale {
	step := 1.0
	for i := 0; top/step > float64(most); i++ {
		step *= factors[i%len(factors)]
	}
	s := Scale{Top: top}
	for at := 0.0; at <= top; at += step {
		s.Ticks = append(s.Ticks, Tick{at, text(at)})
	}
	return s
}

// Sizes has sizes that are round in powers of two.
func Sizes(top float64, most int) Scale {
	return NewScale(math.Ceil(top), most, func(at float64) string {
		if at == 0 {
			return "0"
		}
		return Size(int64(at))
	}, 2)
}

// SizesFrom is Sizes for a part that does not begin at 0.
func SizesFrom(from, top float64, most int) Scale {
	step := 1.0
	for (top-from)/step > float64(most) {
		step *= 2
	}
	s := Scale{From: from, Top: top}
	for at := math.Ceil(from/step) * step; at <= top; at += step {
		s.Ticks = append(s.Ticks, Tick{at, Size(int64(at))})
	}
	return s
}

// Counts has 1, 2, 5, 10, 20 … between its ticks.
func Counts(top float64) Scale {
	return NewScale(top, 10, func(at float64) string { return strconv.Itoa(int(at)) }, 2, 2.5, 2)
}

// Size prints a size as people read it; one that is whole stays so: "64 MiB".
func Size[N ~int64](n N) string { return strings.Replace(human.Size(n), ".0 ", " ", 1) }

// A few limits far above all others, as the upper end of a search is, are cut off where the gap below them is more than twice as
// wide as all that is below it. Three at least are left.
const (
	maxFar  = 4
	minNear = 3
	farGap  = 2
)

// Limits is the scale of plots over these limits, which may come in any order. Where some are far above the others, it is cut, and begins
// near the lowest; else it is what whole makes of the lowest and the highest.
func Limits(limits []float64, most int, whole func(lowest, highest float64) Scale) Scale {
	limits = slices.Compact(slices.Sorted(slices.Values(limits)))
	if len(limits) == 0 {
		return whole(0, 0)
	}
	for far := min(maxFar, len(limits)-minNear); far > 0; far-- {
		near := limits[:len(limits)-far]
		first, last := near[0], near[len(near)-1]
		if limits[len(near)]-last <= farGap*(last-first) {
			continue
		}
		aside := (last - first) * 0.08
		s := SizesFrom(max(0, first-aside), last+aside, most)
		for _, at := range limits[len(near):] {
			s.Far = append(s.Far, Tick{at, Size(int64(at))})
		}
		return s
	}
	return whole(limits[0], limits[len(limits)-1])
}
