package report

import (
	"fmt"
	"html/template"
	"slices"
	"time"

	"oomcage/harness/internal/chart"
	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// maxCurves is how many series one plot has: as many as it tells apart.
const maxCurves = 4

// cost is what it costs a program to live with little memory.
type cost struct {
	title string
	of    func(o *outcome.Outcome) (float64, bool) // false: not known
	text  func(v float64) string
	scale func(top float64) scale
}

var costs = []cost{
	{
		"p99 of a step's time",
		func(o *outcome.Outcome) (float64, bool) {
			if o.Latency == nil || o.Latency.Count == 0 {
				return 0, false
			}
			return float64(o.Latency.P99.Microseconds()), true
		},
		func(v float64) string { return human.Duration(time.Duration(v) * time.Microsecond) },
		func(top float64) scale { return durationScale(time.Duration(top) * time.Microsecond) },
	},
	{
		"part of the time with memory pressure (some)",
		func(o *outcome.Outcome) (float64, bool) {
			return 100 * sweep.PressureOf(o), o.Took > 0 && o.Evidence.Unread[outcome.PressureFile] == ""
		},
		func(v float64) string { return fmt.Sprintf("%.3g %%", v) },
		func(top float64) scale {
			return chart.NewScale(max(top*1.08, 1), 5, func(at float64) string { return fmt.Sprintf("%.3g %%", at) }, 2, 2.5, 2)
		},
	},
}

// curves are plots of what it costs to live, over memory.max: of runs that survived, and of the series with the most limits. A series
// that survived at one limit has no curve, and where nothing cost anything there is no plot.
func (s *Set) curves() (plots []template.HTML) {
	all := s.series()
	for _, c := range costs {
		p := chart.Plot{Title: c.title, X: "memory.max"}
		var limits []float64
		var up float64
		for _, one := range all {
			line := one.curve(c)
			if len(line.Spots) < 2 {
				continue
			}
			p.Lines = append(p.Lines, line)
		}
		slices.SortStableFunc(p.Lines, func(a, b chart.Line) int { return len(b.Spots) - len(a.Spots) })
		p.Lines = p.Lines[:min(len(p.Lines), maxCurves)]
		for _, line := range p.Lines {
			for _, spot := range line.Spots {
				limits, up = append(limits, spot.X), max(up, spot.Hi)
			}
		}
		if up == 0 {
			continue
		}
		p.NoLegend = len(p.Lines) == 1
		p.Across, p.Up = limitScale(limits, 6), c.scale(up)
		plots = append(plots, template.HTML(p.SVG())) // which escapes what others have chosen
	}
	return plots
}

// curve has a spot for each limit at which a run survived: the middle one, and the range of the others.
func (s series) curve(c cost) chart.Line {
	line := chart.Line{Name: printable.Short(s.name, 20)}
	for from := 0; from < len(s.outcomes); {
		limit := maxOf(s.outcomes[from])
		var values []float64
		for ; from < len(s.outcomes) && maxOf(s.outcomes[from]) == limit; from++ {
			if v, ok := c.of(s.outcomes[from]); ok && sweep.Survived(s.outcomes[from]) {
				values = append(values, v)
			}
		}
		if len(values) == 0 {
			continue
		}
		slices.Sort(values)
		middle := values[(len(values)-1)/2]
		line.Spots = append(line.Spots, chart.Spot{
			X: float64(limit), Y: middle, Lo: values[0], Hi: values[len(values)-1],
			Text: fmt.Sprintf("%s at %s: %s", s.name, sizeText(outcome.Bytes(limit)), c.text(middle)),
		})
	}
	return line
}
