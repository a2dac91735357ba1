package chart

import (
	"fmt"
	"html"
	"strings"

	"oomcage/harness/internal/printable"
)

// Plot is a few lines over a common scale.
type Plot struct {
	Title    string // said by a screen reader, too
	X        string // what the scale across is of
	Across   Scale
	Up       Scale
	Lines    []Line
	NoLegend bool
}

// Line is a series of spots, from left to right. The first one of a plot has circles and is dashed, the second one squares, and
// so on, so that they are told apart without their colours.
type Line struct {
	Name  string
	Spots []Spot
}

// Spot is a value, and the range that it was seen in.
type Spot struct {
	X, Y, Lo, Hi float64
	Text         string // what is shown when it is pointed at
}

// The size of a plot, in pixels, and the room around what is drawn.
const (
	width, height            = 520, 300
	left, right, top, bottom = 64, 16, 34, 46
)

// Style is the style sheet of a plot, for light and dark pages.
const Style = `.plot { color: #1d2126; font: 12px system-ui, sans-serif; --line0: #5b636d; --line1: #1f5fa8; --line2: #b0531a; --line3: #27764a; --rule: #e2e4e7; }
.plot text { fill: currentColor; }
.plot .title { font-weight: 600; font-size: 13px; }
.plot .rule { stroke: var(--rule); }
.plot .far { fill: var(--rule); opacity: .4; }
.plot .cut { stroke: currentColor; stroke-width: 1.2; }
.plot .range { stroke-width: 1.5; opacity: .6; }
.plot .path { fill: none; stroke-width: 1.5; }
.plot .l0 { stroke: var(--line0); fill: var(--line0); } .plot .l1 { stroke: var(--line1); fill: var(--line1); }
.plot .l2 { stroke: var(--line2); fill: var(--line2); } .plot .l3 { stroke: var(--line3); fill: var(--line3); }
.plot .path.l0 { stroke-dasharray: 5 3; } .plot .path { fill: none !important; }
@media (prefers-color-scheme: dark) { .plot { color: #e6e8eb; --line0: #a8b0b9; --line1: #7db4f0; --line2: #f0a070; --line3: #7fd0a0; --rule: #333a43; } }
`

// Image draws plots below each other, as a file of its own.
func Image(title string, plots ...Plot) string {
	var b strings.Builder
	high := height * len(plots)
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+`<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 %d %d" width="%d" height="%d"><title>%s</title><style>%s</style>`+"\n",
		width, high, width, high, text(title), Style)
	for i, p := range plots {
		fmt.Fprintf(&b, `<g transform="translate(0 %d)">%s</g>`+"\n", i*height, p.SVG())
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// SVG draws the plot for a page that has the style sheet.
func (p Plot) SVG() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" viewBox="0 0 %d %d" width="%d" height="%d"><title>%s</title>`,
		width, height, width, height, text(p.Title))
	fmt.Fprintf(&b, `<text class="title" x="%d" y="16">%s</text>`, left, text(p.Title))
	for _, t := range p.Up.Ticks {
		y := p.y(t.At)
		fmt.Fprintf(&b, `<path class="rule" d="M%d %.1fH%d"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`, left, y, width-right, left-6, y+4, text(t.Text))
	}
	for _, t := range p.Across.Ticks {
		x := p.x(t.At)
		fmt.Fprintf(&b, `<path class="rule" d="M%.1f %dV%d"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`, x, top, height-bottom, x, height-bottom+16, text(t.Text))
	}
	p.cut(&b)
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, width-right, height-8, text(p.X))
	for i, l := range p.Lines {
		p.line(&b, l, i)
		if !p.NoLegend {
			at := left + 8 + 150*i
			fmt.Fprintf(&b, `%s<text x="%d" y="%d">%s</text>`, glyph(i, float64(at), height-12), at+9, height-8, text(l.Name))
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// cut draws what is behind the cut of the axis across: two strokes where it is, and a tick for each value.
func (p Plot) cut(b *strings.Builder) {
	if len(p.Across.Far) == 0 {
		return
	}
	x := p.x(p.Across.Top)
	fmt.Fprintf(b, `<rect class="far" x="%.1f" y="%d" width="%.1f" height="%d"/>`, x, top, width-right-x, height-bottom-top)
	fmt.Fprintf(b, `<path class="cut" d="M%.1f %dl5 -10m-1 10l5 -10"/>`, x-4, height-bottom+5)
	for _, t := range p.Across.Far {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`, p.x(t.At), height-bottom+16, text(t.Text))
	}
}

func (p Plot) line(b *strings.Builder, l Line, i int) {
	var path, marks strings.Builder
	for j, s := range l.Spots {
		x, y := p.x(s.X), p.y(s.Y)
		pen := 'L'
		if j == 0 || p.Across.Cut(s.X) {
			pen = 'M' // over the cut no line tells anything
		}
		fmt.Fprintf(&path, "%c%.1f %.1f", pen, x, y)
		if s.Hi > s.Lo {
			fmt.Fprintf(&marks, `<path class="range l%d" d="M%.1f %.1fV%.1f"/>`, i%4, x, p.y(s.Lo), p.y(s.Hi))
		}
		fmt.Fprintf(&marks, `<g>%s<title>%s</title></g>`, glyph(i, x, y), text(s.Text))
	}
	fmt.Fprintf(b, `<path class="path l%d" d="%s"/>%s`, i%4, path.String(), marks.String())
}

// glyph is the mark of a line: a circle, a square, a triangle or a diamond.
func glyph(line int, x, y float64) string {
	shape := ""
	switch line % 4 {
	case 0:
		return fmt.Sprintf(`<circle class="l0" cx="%.1f" cy="%.1f" r="3.4"/>`, x, y)
	case 1:
		shape = "m-3.2 -3.2h6.4v6.4h-6.4z"
	case 2:
		shape = "m0 -4l3.8 6.6h-7.6z"
	case 3:
		shape = "m0 -4.4l4.4 4.4l-4.4 4.4l-4.4 -4.4z"
	}
	return fmt.Sprintf(`<path class="l%d" d="M%.1f %.1f%s"/>`, line%4, x, y, shape)
}

func (p Plot) x(v float64) float64 { return place(p.Across, v, left, width-right) }
func (p Plot) y(v float64) float64 { return place(p.Up, v, height-bottom, top) }

// place is where a value lies between two ends.
func place(s Scale, v, from, to float64) float64 {
	if s.Top <= s.From {
		return from
	}
	return from + (to-from)*(s.Place(v)-s.From)/(s.End()-s.From)
}

// text is one that others may have chosen.
func text(s string) string { return html.EscapeString(printable.Line(s)) }
