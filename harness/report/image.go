package report

import (
	"bytes"
	"encoding/xml"
	"image/color"
	"io"

	"golang.org/x/image/font"
	"gonum.org/v1/plot"
	pfont "gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	imageWidth  = 26 * vg.Centimeter
	killsHeight = 11 * vg.Centimeter
	// imageDPI makes a PNG 1500 pixels wide, which is sharp on a page.
	imageDPI = 147
)

var (
	ink   = color.NRGBA{0x1d, 0x21, 0x26, 255}
	faint = color.NRGBA{0x5b, 0x63, 0x6d, 255}
	rule  = color.NRGBA{0xe2, 0xe4, 0xe7, 255}
)

// writeImage draws the map above the kills, in the light colours.
func (s *Set) writeImage(w io.Writer, f Format) error {
	cells, height := s.mapPlot()
	kills := s.killsPlot()
	if kills != nil {
		height += killsHeight
	}
	if f == PNG {
		c := vgimg.NewWith(vgimg.UseWH(imageWidth, height), vgimg.UseDPI(imageDPI))
		drawPlots(draw.New(c), cells, kills)
		_, err := vgimg.PngCanvas{Canvas: c}.WriteTo(w)
		return err
	}
	c := vgsvg.New(imageWidth, height)
	drawPlots(draw.New(c), cells, kills)
	var text bytes.Buffer
	if _, err := c.WriteTo(&text); err != nil {
		return err
	}
	_, err := w.Write(titled(text.Bytes(), s.summary()))
	return err
}

func drawPlots(c draw.Canvas, cells, kills *plot.Plot) {
	margin := vg.Points(14)
	c = draw.Crop(c, margin, -margin, margin, -margin)
	if kills == nil {
		cells.Draw(c)
		return
	}
	height := c.Max.Y - c.Min.Y
	cells.Draw(draw.Crop(c, 0, 0, killsHeight, 0))
	kills.Draw(draw.Crop(c, 0, 0, 0, killsHeight-height-margin))
}

// titled gives an SVG the text that a screen reader says for it.
func titled(image []byte, title string) []byte {
	at := bytes.Index(image, []byte("<svg"))
	if at < 0 {
		return image
	}
	end := at + bytes.IndexByte(image[at:], '>')
	var tag bytes.Buffer
	tag.Write(image[:end])
	tag.WriteString(` role="img"><title>`)
	_ = xml.EscapeText(&tag, []byte(title)) // a buffer takes all
	tag.WriteString("</title>")
	tag.Write(image[end+1:])
	return tag.Bytes()
}

// newPlot is a plot in this package's style.
func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding = vg.Points(10)
	p.Title.TextStyle.Color = ink
	p.Title.TextStyle.Font = sans(13, font.WeightBold)
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font, a.Label.TextStyle.Color = sans(10, font.WeightNormal), faint
		a.Tick.Label.Font, a.Tick.Label.Color = sans(9.5, font.WeightNormal), faint
		a.Color, a.Tick.Color = rule, rule
		a.Label.Padding = vg.Points(6)
	}
	p.Legend.TextStyle.Font, p.Legend.TextStyle.Color = sans(10, font.WeightNormal), ink
	p.Legend.Padding = vg.Points(3)
	return p
}

func sans(size float64, weight font.Weight) pfont.Font {
	return pfont.Font{Typeface: "Liberation", Variant: "Sans", Weight: weight, Size: vg.Points(size)}
}
