package report

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

var seriesColours = []uint32{0x1f5fa8, 0xb0531a, 0x27764a, 0x8a3b8f, 0x6b6400, 0xa32a52, 0x3d5a80, 0x555555}

// series is the points that differ in memory.max alone.
type series struct {
	name     string
	outcomes []*outcome.Outcome // the lowest limit first
}

// series returns those with a memory.max, the one with the most steps first. One limit makes none.
func (s *Set) series() []series {
	var all []series
	at := map[string]int{}
	limits := map[outcome.Bytes]bool{}
	for _, o := range s.Outcomes {
		if finite(o.Evidence.Limits.Max) == 0 {
			continue
		}
		limits[o.Evidence.Limits.Max] = true
		name := without(o.Name, "max", sweep.RepeatAxis)
		i, ok := at[name]
		if !ok {
			i = len(all)
			at[name] = i
			all = append(all, series{name: name})
		}
		all[i].outcomes = append(all[i].outcomes, o)
	}
	if len(limits) < 2 {
		return nil
	}
	for _, s := range all {
		slices.SortStableFunc(s.outcomes, func(a, b *outcome.Outcome) int {
			return cmp.Compare(a.Evidence.Limits.Max, b.Evidence.Limits.Max)
		})
	}
	slices.SortStableFunc(all, func(a, b series) int { return b.most() - a.most() })
	return all
}

func (s series) most() int {
	most := 0
	for _, o := range s.outcomes {
		most = max(most, o.Acknowledged)
	}
	return most
}

// killsPlot is the steps over memory.max with what was predicted; nil where the limit does not vary.
func (s *Set) killsPlot() *plot.Plot {
	all := s.series()
	if len(all) == 0 {
		return nil
	}
	p := newPlot("Steps over memory.max", "memory.max", "steps acknowledged")
	p.Add(gridLines())
	p.X.Tick.Marker = plot.TickerFunc(binaryTicks)
	p.Y.Tick.Marker = plot.TickerFunc(wholeTicks)
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.XOffs = vg.Points(8)
	few := len(all) <= len(marks)
	bands, hollow := false, false
	top, right := 0.0, 0.0
	for i, s := range all {
		c := rgb(seriesColours[i%len(seriesColours)])
		if b := band(s, c); few && len(b.edge) > 0 {
			p.Add(b)
			bands = true
		}
		kills, others := s.marks()
		hollow = hollow || len(others) > 0
		for j, xys := range []plotter.XYs{kills, others} {
			shape := glyph{marks[i%len(marks)], j == 0}
			scatter := &plotter.Scatter{XYs: xys, GlyphStyle: draw.GlyphStyle{Color: c, Radius: vg.Points(3.4), Shape: shape}}
			if len(xys) > 0 {
				p.Add(scatter)
			}
			if j == 0 && few {
				p.Legend.Add(printable.Line(ends(cmp.Or(s.name, "all"), 60)), scatter)
			}
		}
		top = max(top, float64(s.most()))
		right = max(right, float64(s.outcomes[len(s.outcomes)-1].Evidence.Limits.Max))
	}
	if hollow {
		p.Legend.Add("hollow: not killed by its own limit", &plotter.Scatter{
			GlyphStyle: draw.GlyphStyle{Color: faint, Radius: vg.Points(3.4), Shape: glyph{marks[0], false}},
		})
	}
	switch {
	case bands:
		p.Title.Text += "; the bands were predicted"
	case !few:
		p.Title.Text += fmt.Sprintf(" of %d series (not shown: their names and bands, which there is room for up to %d)", len(all), len(marks))
	}
	p.X.Min, p.Y.Min = 0, 0
	p.X.Max, p.Y.Max = right*1.03, max(1, top*1.08)
	return p
}

// marks are the points that the cage's own limit has killed, and the others.
func (s series) marks() (kills, others plotter.XYs) {
	for _, o := range s.outcomes {
		at := plotter.XY{X: float64(o.Evidence.Limits.Max), Y: float64(o.Acknowledged)}
		if o.Verdict == outcome.OOMKilled || o.Verdict == outcome.OOMGroupKilled {
			kills = append(kills, at)
		} else {
			others = append(others, at)
		}
	}
	return kills, others
}

// band is the area between the ends of the windows. It is drawn with a wide border: most windows are one or two
// steps wide.
func band(s series, c color.NRGBA) *area {
	var up, down []plotter.XY
	for _, o := range s.outcomes {
		if o.Window == nil || o.Window.Hi == math.MaxInt {
			continue
		}
		x := float64(o.Evidence.Limits.Max)
		up = append(up, plotter.XY{X: x, Y: float64(o.Window.Hi)})
		down = append(down, plotter.XY{X: x, Y: float64(o.Window.Lo)})
	}
	slices.Reverse(down)
	c.A = 50
	return &area{append(up, down...), c}
}

type area struct {
	edge  []plotter.XY
	color color.NRGBA
}

// Plot fills the area; it is what plot.Plotter wants.
func (a *area) Plot(c draw.Canvas, p *plot.Plot) {
	if len(a.edge) == 0 {
		return
	}
	x, y := p.Transforms(&c)
	half := vg.Points(2.5) // half the width of a window that is a single count
	n := len(a.edge) / 2
	var points []vg.Point
	for i, at := range a.edge {
		by := half
		if i >= n {
			by = -half
		}
		points = append(points, vg.Point{X: x(at.X), Y: y(at.Y) + by})
	}
	c.FillPolygon(a.color, c.ClipPolygonXY(points))
}

func gridLines() *plotter.Grid {
	g := plotter.NewGrid()
	g.Horizontal.Color, g.Vertical.Color = rule, rule
	return g
}

// binaryTicks are sizes that are round in powers of two.
func binaryTicks(_, top float64) []plot.Tick {
	step := 1.0
	for top/step > 9 {
		step *= 2
	}
	var all []plot.Tick
	for v := 0.0; v <= top; v += step {
		label := "0"
		if v > 0 {
			label = human(outcome.Bytes(v))
		}
		all = append(all, plot.Tick{Value: v, Label: label})
	}
	return all
}

// wholeTicks are counts, at most ten.
func wholeTicks(_, top float64) []plot.Tick {
	step := 1
	for next := 0; top/float64(step) > 10; next++ {
		step = step * []int{2, 5, 10}[next%3] / []int{1, 2, 5}[next%3] // 1, 2, 5, 10, 20 …
	}
	var all []plot.Tick
	for v := 0; float64(v) <= top; v += step {
		all = append(all, plot.Tick{Value: float64(v), Label: strconv.Itoa(v)})
	}
	return all
}

// glyph is a mark, filled for kills and hollow for other ends.
type glyph struct {
	mark
	filled bool
}

// DrawGlyph is what draw.GlyphDrawer wants.
func (g glyph) DrawGlyph(c *draw.Canvas, style draw.GlyphStyle, at vg.Point) {
	var corners []vg.Point
	for _, p := range g.mark {
		corners = append(corners, vg.Point{X: at.X + style.Radius*vg.Length(p[0]), Y: at.Y + style.Radius*vg.Length(p[1])})
	}
	switch {
	case len(corners) == 0 && g.filled:
		draw.CircleGlyph{}.DrawGlyph(c, style, at)
	case len(corners) == 0:
		draw.RingGlyph{}.DrawGlyph(c, style, at)
	case g.filled:
		c.FillPolygon(style.Color, corners)
	default:
		c.StrokeLines(draw.LineStyle{Color: style.Color, Width: vg.Points(0.5)}, append(corners, corners[0]))
	}
}
