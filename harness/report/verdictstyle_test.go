package report

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"oomcage/harness/outcome"
)

// luminance is what WCAG 2 calls relative luminance.
func luminance(c uint32) float64 {
	linear := func(v uint32) float64 {
		s := float64(v&0xff) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c>>16) + 0.7152*linear(c>>8) + 0.0722*linear(c)
}

func contrast(a, b uint32) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestTheInkOnAVerdictCanBeRead(t *testing.T) {
	for v, l := range looks {
		require.GreaterOrEqual(t, contrast(l.fill, l.ink), 7.0, "%s on a light page", v)
		require.GreaterOrEqual(t, contrast(l.dark, l.onDark), 7.0, "%s on a dark page", v)
	}
}

func TestEveryVerdictHasALookOfItsOwn(t *testing.T) {
	letters := map[string]outcome.Verdict{}
	fills := map[uint32]outcome.Verdict{}
	for _, v := range outcome.Verdicts() {
		l, ok := looks[v]
		require.True(t, ok, v)
		require.Len(t, l.letter, 1)
		require.NotContains(t, letters, l.letter)
		require.NotContains(t, fills, l.fill)
		letters[l.letter], fills[l.fill] = v, v
	}
	require.Len(t, looks, len(letters))
}

// In greyscale the letter tells verdicts apart, and the two that fill most maps the shade too.
func TestTheCommonVerdictsDifferInGreyscale(t *testing.T) {
	survived, killed := looks[outcome.Survived], looks[outcome.OOMKilled]
	require.Greater(t, contrast(survived.fill, killed.fill), 1.4)
}

func TestEachSeriesHasAMarkOfItsOwnOnThePageAndInAnImage(t *testing.T) {
	require.Len(t, marks, len(seriesColours))
	var shapes []string
	for _, m := range marks {
		require.NotContains(t, shapes, m.path(1))
		shapes = append(shapes, m.path(1))
		for _, filled := range []bool{true, false} {
			image := vgsvg.New(20, 20)
			canvas := draw.New(image)
			glyph{m, filled}.DrawGlyph(&canvas, draw.GlyphStyle{Color: ink, Radius: 3}, vg.Point{X: 10, Y: 10})
			var shape bytes.Buffer
			_, err := image.WriteTo(&shape)
			require.NoError(t, err)
			require.NotContains(t, shapes, shape.String())
			shapes = append(shapes, shape.String())
		}
	}
	require.Equal(t, "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", marks[0].path(4))
	require.Equal(t, "m0.00 -4.80l-4.40 8.00l8.80 0.00z", marks[2].path(4), "on a page up is less")
}
