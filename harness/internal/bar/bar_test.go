package bar

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestABarIsAsFullAsTheLimitIsUsed(t *testing.T) {
	for _, c := range []struct {
		used, full int64
		want       int
	}{
		{0, 100, 0}, {1, 100, 0}, {50, 100, 20}, {99, 100, 40}, {100, 100, 40},
		{101, 100, 40}, {math.MaxInt64, 1, 40}, {math.MaxInt64, math.MaxInt64, 40}, {5, 0, 0}, {-5, 100, 0},
	} {
		want := strings.Repeat("█", c.want) + strings.Repeat("·", Width-c.want)
		assert.Equal(t, want, Draw(c.used, c.full), "%d of %d", c.used, c.full)
	}
}

func TestTheCharactersOfPartsStandInTheBarAndMakeItNoLonger(t *testing.T) {
	part := func(mark string, size int64) Part { return Part{mark, size} }
	for _, c := range []struct {
		used  int64
		parts []Part
		want  string
	}{
		{50, []Part{part("a", 25), part("k", 10)}, "aaaaaaaaaakkkk██████····················"},
		{50, []Part{part("a", 25), part("k", 60)}, "aaaaaaaaaakkkkkkkkkk····················"}, // they lag behind, and are too many
		{100, []Part{part("a", 33), part("s", 33), part("k", 34)}, strings.Repeat("a", 13) + strings.Repeat("s", 13) + strings.Repeat("k", 14)},
		{10, []Part{part("a", -5), part("k", 10)}, "kkkk····································"},
		{100, []Part{part("a", math.MaxInt64)}, strings.Repeat("a", Width)},
	} {
		assert.Equal(t, c.want, Draw(c.used, 100, c.parts...))
	}
}
