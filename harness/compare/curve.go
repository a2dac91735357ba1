package compare

import (
	"cmp"
	"fmt"
	"slices"

	"oomcage/harness/internal/chart"
)

// curve is a figure over memory.max, of one series.
type curve struct {
	series string
	plots  []chart.Plot
}

// curves are those of the series with several limits, first of those that have changed, and at most that many; more tells how
// many are left out.
func (c *Comparison) curves(most int) (all []curve, more int) {
	before, names := c.base.rungs()
	after, others := c.head.rungs()
	for _, name := range others {
		if before[name] == nil {
			names = append(names, name)
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return len(before[name]) < 2 && len(after[name]) < 2 })
	changed := c.changedSeries()
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(changed[b], changed[a]) })
	for _, name := range names[:min(len(names), most)] {
		one := curve{series: shown(name)}
		for _, f := range figures {
			if p, ok := f.plot(name, before[name], after[name]); ok {
				one.plots = append(one.plots, p)
			}
		}
		all = append(all, one)
	}
	return all, len(names) - len(all)
}

// changedSeries are those of which something has changed.
func (c *Comparison) changedSeries() map[string]int {
	changed := map[string]int{}
	for _, s := range c.Series {
		if s.Changed {
			changed[s.Name] = 2
		}
	}
	for _, p := range c.Points {
		if p.Verdict.Changed || p.Peak.Changed || p.Steps.Changed || p.Latency.Changed {
			name := c.base.points[p.Name].series
			changed[name] = max(changed[name], 1)
		}
	}
	return changed
}

// rungs are the points of each series, the lowest limit first.
func (r *Results) rungs() (rungs map[string][]*point, names []string) {
	rungs = map[string][]*point{}
	for _, name := range r.order {
		p := r.points[name]
		if p.limit() == 0 {
			continue
		}
		if rungs[p.series] == nil {
			names = append(names, p.series)
		}
		rungs[p.series] = append(rungs[p.series], p)
	}
	for _, points := range rungs {
		slices.SortFunc(points, func(a, b *point) int { return cmp.Compare(a.max, b.max) })
	}
	return rungs, names
}

// plot draws the figure over memory.max; it is nothing where neither side has it.
func (f figure) plot(series string, base, head []*point) (chart.Plot, bool) {
	p := chart.Plot{Title: f.what, X: "memory.max"}
	var limits []float64
	up := 0.0
	for i, side := range [][]*point{base, head} {
		line := chart.Line{Name: []string{"base", "head"}[i]}
		for _, at := range side {
			values := at.values(f.of)
			if len(values) == 0 {
				continue
			}
			slices.Sort(values)
			s := summary(values)
			limits, up = append(limits, float64(at.max)), max(up, s.Hi)
			line.Spots = append(line.Spots, chart.Spot{
				X: float64(at.max), Y: s.Median, Lo: s.Lo, Hi: s.Hi,
				Text: fmt.Sprintf("%s, %s at %s: %s", shown(series), line.Name, sizeText(at.max), f.summary(s)),
			})
		}
		p.Lines = append(p.Lines, line)
	}
	if up == 0 {
		return p, false
	}
	p.Across = chart.Limits(limits, 6, func(lowest, highest float64) chart.Scale {
		aside := (highest - lowest) * 0.06
		return chart.SizesFrom(max(0, lowest-aside), highest+aside, 6)
	})
	p.Up = f.scale(up * 1.08)
	return p, true
}

// scale is that of a plot's height.
func (f figure) scale(top float64) chart.Scale {
	switch f.name {
	case "peak":
		return chart.Sizes(top, 5)
	case "steps":
		return chart.Counts(max(1, top))
	}
	return chart.NewScale(top, 5, func(at float64) string {
		if at == 0 {
			return "0"
		}
		return printTime(at)
	}, 2, 2.5, 2)
}
