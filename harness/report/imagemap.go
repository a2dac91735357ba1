package report

import (
	"fmt"
	"slices"

	"golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"oomcage/harness/internal/printable"
)

const (
	rowHeight = 0.95 * vg.Centimeter
	// maxImageRows and maxImageColumns are what a page of paper takes. The rest is in the other formats, and
	// the title says so.
	maxImageRows    = 40
	maxImageColumns = 32
	// fullSize is how many columns have room for letters and numbers of the common size.
	fullSize = 16
)

// mapPlot is the map of verdicts, and how high it is.
func (s *Set) mapPlot() (*plot.Plot, vg.Length) {
	g := s.grid()
	m := &mapCells{columns: g.across.Values[:min(len(g.across.Values), maxImageColumns)], found: s.found()}
	rows := g.rows[:min(len(g.rows), maxImageRows)]
	title := s.summary()
	if len(m.columns) < len(g.across.Values) || len(rows) < len(g.rows) {
		title += fmt.Sprintf(" (shown: %d of %d rows, %d of %d columns)", len(rows), len(g.rows), len(m.columns), len(g.across.Values))
	}
	var labels []string
	for _, row := range slices.Backward(rows) { // a plot's y axis goes up
		var line []cell
		for _, v := range m.columns {
			line = append(line, g.cells[[2]string{row, v}])
		}
		m.rows = append(m.rows, line)
		labels = append(labels, printable.Line(ends(row, 60)))
	}
	under := s.legend() + ", and the steps that were acknowledged"
	if len(s.Findings) > 0 {
		under += "; ! marks a finding"
	}
	p := newPlot(title, printable.Line(g.across.Name)+"\n \n"+under, "")
	p.Add(m)
	var names []string
	for _, v := range m.columns {
		names = append(names, printable.Line(v))
	}
	p.NominalX(names...)
	p.NominalY(labels...)
	p.X.Width, p.Y.Width = 0, 0
	p.X.Tick.Label.Font = sans(m.size(), font.WeightNormal)
	p.X.Min, p.X.Max = -0.5, float64(len(m.columns))-0.5
	p.Y.Min, p.Y.Max = -0.5, float64(len(m.rows))-0.5
	return p, rowHeight*vg.Length(len(m.rows)) + 4*vg.Centimeter
}

// mapCells draws a box for each cell.
type mapCells struct {
	columns []string
	rows    [][]cell // from below
	found   map[string][]int
}

func (m *mapCells) size() float64 {
	if len(m.columns) > fullSize {
		return 9.5 * fullSize / float64(len(m.columns))
	}
	return 9.5
}

// Plot draws the cells; it is what plot.Plotter wants.
func (m *mapCells) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	gap := vg.Points(1.2)
	for j, row := range m.rows {
		for i, cell := range row {
			if len(cell) == 0 {
				continue
			}
			box := []vg.Point{
				{X: x(float64(i)-0.5) + gap, Y: y(float64(j)-0.5) + gap}, {X: x(float64(i)+0.5) - gap, Y: y(float64(j)-0.5) + gap},
				{X: x(float64(i)+0.5) - gap, Y: y(float64(j)+0.5) - gap}, {X: x(float64(i)-0.5) + gap, Y: y(float64(j)+0.5) - gap},
			}
			verdicts := cell.commonest()
			l := looks[verdicts[0]]
			c.FillPolygon(rgb(l.fill), box)
			label := cell.String()
			for _, o := range cell {
				if len(m.found[o.Name]) > 0 {
					label += " !"
					break
				}
			}
			switch border := (draw.LineStyle{Color: rgb(l.ink), Width: vg.Points(1.2)}); {
			case len(verdicts) > 1:
				border.Dashes = []vg.Length{vg.Points(4), vg.Points(2)}
				c.StrokeLines(border, append(box, box[0]))
			case label != cell.String():
				c.StrokeLines(border, append(box, box[0]))
			}
			style := text.Style{
				Color: rgb(l.ink), Font: sans(m.size()+0.5, font.WeightNormal), XAlign: draw.XCenter, YAlign: draw.YCenter, Handler: p.TextHandler,
			}
			c.FillText(style, vg.Point{X: x(float64(i)), Y: y(float64(j))}, label)
		}
	}
}
