package report

import (
	"fmt"
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

var seriesColours = []uint32{0x1f5fa8, 0xb0531a, 0x27764a, 0x8a3b8f, 0x6b6400, 0xa32a52, 0x3d5a80, 0x555555}

// killsPlot is the steps over memory.max with what was predicted; nil where the limit does not vary.
func (s *Set) killsPlot() *plot.Plot {
	all := s.series()
	if len(all) == 0 {
		return nil
	}
	p := newPlot("Steps over memory.max", "memory.max", "steps acknowledged")
	p.Add(gridLines())
	x, y := killsScales(all...)
	put(x, &p.X)
	if len(x.Far) > 0 {
		p.X.Label.Text += " (behind the line not to scale)"
		p.Add(cutLine(x.Top))
	}
	put(y, &p.Y)
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.XOffs = vg.Points(8)
	few := len(all) <= len(marks)
	bands, hollow := false, false
	for i, s := range all {
		c := rgb(seriesColours[i%len(seriesColours)])
		if band := s.band(); few && len(band) > 0 {
			p.Add(&area{slices.DeleteFunc(band, func(w window) bool { return x.Cut(float64(w.Max)) }), c})
			bands = true
		}
		kills, others := s.marks(x)
		hollow = hollow || len(others) > 0
		for j, xys := range []plotter.XYs{kills, others} {
			shape := glyph{marks[i%len(marks)], j == 0}
			scatter := &plotter.Scatter{XYs: xys, GlyphStyle: draw.GlyphStyle{Color: c, Radius: vg.Points(3.4), Shape: shape}}
			if len(xys) > 0 {
				p.Add(scatter)
			}
			if j == 0 && few {
				p.Legend.Add(s.name, scatter)
			}
		}
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
	return p
}

// put makes an axis of a plot this scale.
func put(s scale, a *plot.Axis) {
	var ticks plot.ConstantTicks
	for _, t := range s.Ticks {
		ticks = append(ticks, plot.Tick{Value: t.At, Label: t.Text})
	}
	for _, t := range s.Far {
		ticks = append(ticks, plot.Tick{Value: s.Place(t.At), Label: t.Text})
	}
	a.Min, a.Max, a.Tick.Marker = s.From, s.End(), ticks
}

// marks are the points that the cage's own limit has killed, and the others.
func (s series) marks(x scale) (kills, others plotter.XYs) {
	for _, o := range s.outcomes {
		at := plotter.XY{X: x.Place(float64(maxOf(o))), Y: float64(o.Acknowledged)}
		if slices.Contains(ownLimit, o.Verdict) {
			kills = append(kills, at)
		} else {
			others = append(others, at)
		}
	}
	return kills, others
}

// area is the band of a series. It is drawn with a wide border: most windows are one or two steps wide.
type area struct {
	band  []window
	color color.NRGBA
}

// Plot fills the area; it is what plot.Plotter wants.
func (a *area) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	half := vg.Points(2.5) // half the width of a window that is a single count
	var up, down []vg.Point
	for _, w := range a.band {
		up = append(up, vg.Point{X: x(float64(w.Max)), Y: y(float64(w.Hi)) + half})
		down = append(down, vg.Point{X: x(float64(w.Max)), Y: y(float64(w.Lo)) - half})
	}
	slices.Reverse(down)
	a.color.A = 50
	c.FillPolygon(a.color, c.ClipPolygonXY(append(up, down...)))
}

// cutLine is where an axis across is cut.
type cutLine float64

// Plot draws the line; it is what plot.Plotter wants.
func (at cutLine) Plot(c draw.Canvas, p *plot.Plot) {
	x, _ := p.Transforms(&c)
	c.StrokeLine2(draw.LineStyle{Color: faint, Width: vg.Points(0.8), Dashes: []vg.Length{vg.Points(3), vg.Points(3)}}, x(float64(at)), c.Min.Y, x(float64(at)), c.Max.Y)
}

func gridLines() *plotter.Grid {
	g := plotter.NewGrid()
	g.Horizontal.Color, g.Vertical.Color = rule, rule
	return g
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
