package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAScaleHasRoundNumbersUpToItsTop(t *testing.T) {
	for _, c := range []struct {
		scale Scale
		want  string
	}{
		{Sizes(70<<20, 5), "0 16 MiB 32 MiB 48 MiB 64 MiB"},
		{SizesFrom(50<<20, 70<<20, 6), "52 MiB 56 MiB 60 MiB 64 MiB 68 MiB"},
		{SizesFrom(5, 5, 6), "5 B"},
		{Counts(24), "0 5 10 15 20"},
		{Counts(1), "0 1"},
	} {
		var texts []string
		for _, tick := range c.scale.Ticks {
			texts = append(texts, tick.Text)
			require.LessOrEqual(t, tick.At, c.scale.Top)
		}
		require.Equal(t, c.want, strings.Join(texts, " "))
	}
}

func TestAPlotIsWellFormedWhateverItsTextsAre(t *testing.T) {
	const hostile = "</text><script>alert(1)</script>&\x1b[2J\u202e\xff"
	p := Plot{Title: hostile, X: hostile, Across: SizesFrom(50, 100, 6), Up: Scale{Top: 10, Ticks: []Tick{{5, hostile}}}, Lines: []Line{
		{hostile, []Spot{{60, 5, 4, 6, hostile}, {100, 10, 10, 10, hostile}}}, {"b", nil}, {"c", []Spot{{70, 1, 1, 1, ""}}}, {"d", []Spot{{70, 1, 1, 1, ""}}},
	}}
	for _, text := range []string{p.SVG(), Image(hostile, p, p)} {
		require.NotContains(t, text, "<script")
		require.NotContains(t, text, "\x1b")
		for d := xml.NewDecoder(strings.NewReader(text)); ; {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
		}
	}
	require.Contains(t, p.SVG(), "M152.0 144.0L504.0 34.0", "from the first spot to the second, in pixels")
	require.Equal(t, 2, strings.Count(Image("two", p, p), `class="plot"`))
}

func TestAScaleOfNothingDrawsNoNaN(t *testing.T) {
	p := Plot{Lines: []Line{{"a", []Spot{{0, 0, 0, 0, ""}}}}}
	require.False(t, math.IsNaN(p.x(1)))
	require.NotRegexp(t, "NaN|Inf", p.SVG())
}
