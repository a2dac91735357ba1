package human

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSizesAreReadInTheUnitThatTheyAreThoughtIn(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 12 << 10: "12.0 KiB", 1 << 20: "1.0 MiB", 99999744: "95.4 MiB",
		1<<30 + 51<<20: "1075.0 MiB", 1 << 30: "1.0 GiB", 16 << 30: "16.0 GiB", math.MaxInt64: "max", -4096: "-4.0 KiB", math.MinInt64: "-8589934592.0 GiB",
	} {
		require.Equal(t, want, Size(n))
	}
}

func TestTwoSizesHaveOneUnit(t *testing.T) {
	require.Equal(t, "95.4 of 95.4 MiB", Of[int64](100003840, 99999744))
	require.Equal(t, "0.3 of 10.0 MiB", Of[int64](300<<10, 10<<20))
	require.Equal(t, "190 of 199 B", Of[int64](190, 199))
	require.Equal(t, "64.0 of 0.0 MiB", Of[int64](64<<20, 0))
	require.Equal(t, "5.0 MiB of max", Of[int64](5<<20, math.MaxInt64))
}

func TestOneIsNotPlural(t *testing.T) {
	require.Equal(t, []string{"0 steps", "1 step", "2 steps"}, []string{Count(0, "step"), Count(1, "step"), Count(uint64(2), "step")})
}

func TestVerbsFollowTheirCounts(t *testing.T) {
	require.Equal(t, []string{"0 steps were", "1 step was", "2 steps were"}, []string{Were(0, "step"), Were(1, "step"), Were(uint64(2), "step")})
	for want, n := range map[string][2]int{
		"none of 2 smallest limits moved": {0, 2}, "1 of 2 smallest limits moved": {1, 2}, "2 of 2 smallest limits moved": {2, 2},
		"the one smallest limit moved": {1, 1}, "the one smallest limit did not move": {0, 1},
	} {
		require.Equal(t, want, Part(n[0], n[1], "smallest limit", "moved", "move"))
	}
}

func TestTimesAreReadInTheUnitThatTheyAreThoughtIn(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0 ms", 300: "0 µs", 20 * time.Microsecond: "20 µs", 500 * time.Microsecond: "0.5 ms", 1234 * time.Microsecond: "1.2 ms",
		56 * time.Millisecond: "56 ms", 999 * time.Millisecond: "999 ms", time.Second - 1: "1.0 s", 41300 * time.Millisecond: "41.3 s",
	} {
		require.Equal(t, want, Duration(d))
	}
}
