package report

import (
	"math"
	"strconv"
	"strings"
	"time"

	"oomcage/harness/internal/human"
	"oomcage/harness/outcome"
)

// scale is an axis of a plot from From to Top.
type scale struct {
	From  float64 `json:"from,omitempty"`
	Top   float64 `json:"top"`
	Ticks []tick  `json:"ticks"`
}

// tick is a round number on a scale.
type tick struct {
	At   float64 `json:"at"`
	Text string  `json:"text"`
}

// newScale has at most that many ticks beside the one at 0. Each next factor, of those given in turn, makes their distance
// a larger round number.
func newScale(top float64, most int, text func(at float64) string, factors ...float64) scale {
	step := 1.0
	for i := 0; top/step > float64(most); i++ {
		step *= factors[i%len(factors)]
	}
	s := scale{Top: top}
	for at := 0.0; at <= top; at += step {
		s.Ticks = append(s.Ticks, tick{at, text(at)})
	}
	return s
}

// sizeScale has sizes that are round in powers of two.
func sizeScale(top float64, most int) scale {
	return newScale(math.Ceil(top), most, func(at float64) string {
		if at == 0 {
			return "0"
		}
		return sizeText(outcome.Bytes(at))
	}, 2)
}

// countScale has 1, 2, 5, 10, 20 … between its ticks.
func countScale(top float64) scale {
	return newScale(top, 10, func(at float64) string { return strconv.Itoa(int(at)) }, 2, 2.5, 2)
}

// durationScale is countScale for microseconds, with a few ticks.
func durationScale(top time.Duration) scale {
	return newScale(float64(top.Microseconds())*1.08, 3, func(at float64) string {
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
	s := newScale(float64(top-from), 8, func(float64) string { return "" }, 2, 2.5, 2)
	step := 1.0
	if len(s.Ticks) > 1 {
		step = s.Ticks[1].At
	}
	s.From, s.Top, s.Ticks = float64(from), float64(top), nil
	for at := math.Ceil(float64(from)/step) * step; at <= float64(top); at += step {
		s.Ticks = append(s.Ticks, tick{at, strconv.FormatFloat(at/1e6, 'f', -1, 64) + " s"})
	}
	return s
}
