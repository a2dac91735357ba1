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
