// Package chart has the scales of plots, and draws plots of a few lines as SVG, which needs no script.
package chart

import (
	"math"
	"strconv"
	"strings"

	"oomcage/harness/internal/human"
)

// Scale is an axis of a plot from From to Top.
type Scale struct {
	From  float64 `json:"from,omitempty"`
	Top   float64 `json:"top"`
	Ticks []Tick  `json:"ticks"`
}

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
