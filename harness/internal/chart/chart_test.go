package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
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

func TestLimitsFarAboveTheOthersStandBehindACut(t *testing.T) {
	whole := func(_, highest float64) Scale { return Sizes(highest, 6) }
	for _, c := range []struct {
		limits string
		far    string
	}{
		{"19 20 21 22 23 24 25 26 554", "554 MiB"},
		{"554 561 28 25 26 27 29 22 23 24 24", "554 MiB 561 MiB"},
		{"24 25 26 28 40 100 554", "40 MiB 100 MiB 554 MiB"},
		{"32 64 96 128 160", ""},
		{"64 128 256 512 1024", ""},
		{"20 554", ""},
		{"20 21 554", ""},
		{"64", ""},
		{"", ""},
	} {
		var limits []float64
		for _, word := range strings.Fields(c.limits) {
			n, err := strconv.Atoi(word)
			require.NoError(t, err)
			limits = append(limits, float64(n)*(1<<20))
		}
		s := Limits(limits, 6, whole)
		var far []string
		for _, tick := range s.Far {
			far = append(far, tick.Text)
		}
		require.Equal(t, c.far, strings.Join(far, " "), c.limits)
		slices.Sort(limits)
		last := math.Inf(-1)
		for _, at := range slices.Compact(limits) {
			place := s.Place(at)
			require.Greater(t, place, last, "%s: a higher limit stands further right", c.limits)
			require.LessOrEqual(t, place, s.End())
			require.Equal(t, at > s.Top, s.Cut(at))
			last = place
		}
	}
	s := Limits([]float64{20, 22, 24, 26, 1000}, 6, whole)
	require.Greater(t, (s.Place(26)-s.Place(20))/(s.End()-s.From), 0.7, "what is near has most of the room")
	cut := Plot{Across: s, Up: Counts(10), Lines: []Line{{"a", []Spot{{20, 1, 1, 1, ""}, {26, 2, 2, 2, ""}, {1000, 3, 3, 3, ""}}}}}.SVG()
	require.Contains(t, cut, `class="cut"`)
	require.Regexp(t, `class="path l0" d="M[\d. ]+L[\d. ]+M[\d. ]+"`, cut, "no line goes over the cut")
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
