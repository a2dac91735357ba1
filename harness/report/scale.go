package report

import (
	"math"
	"strconv"
	"strings"
	"time"

	"oomcage/harness/internal/chart"
	"oomcage/harness/internal/human"
)

// scale is an axis of a plot, and tick a round number on it.
type (
	scale = chart.Scale
	tick  = chart.Tick
)

// durationScale is countScale for microseconds, with a few ticks.
func durationScale(top time.Duration) scale {
	return chart.NewScale(float64(top.Microseconds())*1.08, 3, func(at float64) string {
		if at == 0 {
			return "0"
		}
		return strings.Replace(human.Duration(time.Duration(at)*time.Microsecond), ".0 ", " ", 1)
	}, 2, 2.5, 2)
}

// timeScale is countScale for microseconds, in seconds. It begins with the first of what is to be seen, where that leaves
// out much that is empty.
func timeScale(from, top int64) scale {
	if from < top/5 {
		from = 0
	}
	s := chart.NewScale(float64(top-from), 8, func(float64) string { return "" }, 2, 2.5, 2)
	step := 1.0
	if len(s.Ticks) > 1 {
		step = s.Ticks[1].At
	}
	s.From, s.Top, s.Ticks = float64(from), float64(top), nil
	for at := math.Ceil(float64(from)/step) * step; at <= float64(top); at += step {
		s.Ticks = append(s.Ticks, tick{At: at, Text: strconv.FormatFloat(at/1e6, 'f', -1, 64) + " s"})
	}
	return s
}
