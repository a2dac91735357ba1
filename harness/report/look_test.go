package report

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness"
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
	letters := map[string]harness.Verdict{}
	fills := map[uint32]harness.Verdict{}
	for _, v := range harness.Verdicts() {
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
	survived, killed := looks[harness.Survived], looks[harness.OOMKilled]
	require.Greater(t, contrast(survived.fill, killed.fill), 1.4)
}
