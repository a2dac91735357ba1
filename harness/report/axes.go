package report

import (
	"slices"
	"strings"

	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// axesOf returns the axes of the points' names with the values that occur, in the order of the first name
// that has each.
func axesOf(outcomes []*outcome.Outcome) []sweep.Axis {
	var axes []sweep.Axis
	at := map[string]int{}
	seen := map[sweep.Value]bool{}
	for _, o := range outcomes {
		for _, v := range sweep.ParseName(o.Name) {
			if seen[v] {
				continue
			}
			seen[v] = true
			i, ok := at[v.Axis]
			if !ok {
				i = len(axes)
				at[v.Axis] = i
				axes = append(axes, sweep.Axis{Name: v.Axis})
			}
			axes[i].Values = append(axes[i].Values, v.Text)
		}
	}
	for _, a := range axes {
		slices.SortFunc(a.Values, func(x, y string) int { return sweep.CompareValues(a.Name, x, y) })
	}
	return axes
}

// valueOf returns the text of an axis in a name, and whether the name has it.
func valueOf(name, axis string) (string, bool) {
	for _, v := range sweep.ParseName(name) {
		if v.Axis == axis {
			return v.Text, true
		}
	}
	return "", false
}

// grid is the outcomes in two dimensions, for what is printed on paper: an axis across, and all else of the
// names down. Repeats share a cell.
type grid struct {
	across sweep.Axis // memory.max where it varies, else the axis with the most values
	rows   []string
	cells  map[[2]string]cell // by row and value
}

// cell is the repeats of one point.
type cell []*outcome.Outcome

// grid arranges the outcomes. What has not the axis across is left out. Where no axis but the repeats is left, all
// of them are one cell.
func (s *Set) grid() grid {
	g := grid{cells: map[[2]string]cell{}}
	for _, a := range axesOf(s.Outcomes) {
		isMax := a.Name == "max" && len(a.Values) > 1
		if a.Name != sweep.RepeatAxis && (isMax || len(a.Values) > len(g.across.Values)) {
			g.across = a
		}
		if isMax {
			break
		}
	}
	if len(g.across.Values) == 0 { // repeats of one point
		g.across.Values = []string{""}
	}
	known := map[string]bool{}
	for _, o := range s.Outcomes {
		value, ok := valueOf(o.Name, g.across.Name)
		if !ok && g.across.Name != "" {
			continue
		}
		row := sweep.Without(o.Name, g.across.Name, sweep.RepeatAxis)
		if !known[row] {
			known[row] = true
			g.rows = append(g.rows, row)
		}
		g.cells[[2]string{row, value}] = append(g.cells[[2]string{row, value}], o)
	}
	return g
}

// verdicts are those of the cell, each once, in the order of the table.
func (c cell) verdicts() []outcome.Verdict {
	var there []outcome.Verdict
	for _, v := range outcome.Verdicts() {
		if slices.ContainsFunc(c, func(o *outcome.Outcome) bool { return o.Verdict == v }) {
			there = append(there, v)
		}
	}
	return there
}

// commonest are the verdicts of a cell, the most frequent one first: it gives the cell its colour.
func (c cell) commonest() []outcome.Verdict {
	count := map[outcome.Verdict]int{}
	for _, o := range c {
		count[o.Verdict]++
	}
	verdicts := c.verdicts()
	slices.SortStableFunc(verdicts, func(a, b outcome.Verdict) int { return count[b] - count[a] })
	return verdicts
}

// String prints "K 4", or with repeats that differ "KS 4–20": the letters of the verdicts, the most frequent one first, and how
// many steps were acknowledged.
func (c cell) String() string {
	if len(c) == 0 {
		return ""
	}
	var letters strings.Builder
	for _, v := range c.commonest() {
		letters.WriteString(looks[v].letter)
	}
	lo, hi := c[0].Acknowledged, c[0].Acknowledged
	for _, o := range c {
		lo, hi = min(lo, o.Acknowledged), max(hi, o.Acknowledged)
	}
	return letters.String() + " " + span(lo, hi)
}
