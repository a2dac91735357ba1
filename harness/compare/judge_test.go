package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

func judged(floor float64, base, head []float64) *test {
	t := &test{base: slices.Clone(base), head: slices.Clone(head), floor: floor}
	judge([]*test{t})
	return t
}

func TestAChangeIsOneThatAllRunsShow(t *testing.T) {
	base := []float64{60, 60.1, 60.2, 60.1, 60}
	require.True(t, judged(0.5, base, []float64{63, 63.1, 63.2, 63, 63.1}).changed)
	require.InDelta(t, 2.0/252, judged(0.5, base, []float64{63, 63.1, 63.2, 63, 63.1}).p, 1e-9, "as benchstat says")
	require.True(t, judged(0.5, base, []float64{57, 57.1, 57.2, 57, 57.1}).changed, "down as well as up")
	require.False(t, judged(0.5, base, []float64{60.1, 60, 60.2, 60.1, 60}).changed)
	require.False(t, judged(0.5, base, []float64{63, 63.1, 63.2, 63, 60.1}).changed, "one run is as before: p=0.016")
	require.False(t, judged(0.5, base, []float64{60.3, 60.4, 60.5, 60.4, 60.3}).changed, "apart, and less than the floor")
	wide := []float64{50, 55, 60, 65, 70}
	require.False(t, judged(0.5, wide, []float64{71, 75, 80, 85, 90}).changed, "apart by less than the margin that runs 20 apart need")
	require.True(t, judged(0.5, wide, []float64{76, 80, 85, 90, 95}).changed)
}

// Huge pages make a service's peak one of two values, 2 MiB apart.
func TestNoiseOfTwoValuesHidesNoLargerChange(t *testing.T) {
	base := []float64{59.7, 59.9, 61.9, 61.95, 61.9}
	require.True(t, judged(0.6, base, []float64{62.7, 62.9, 64.9, 62.8, 64.95}).changed)
	require.False(t, judged(0.6, base, []float64{59.8, 59.9, 59.7, 59.8, 59.9}).changed)
}

func TestTooFewRunsHaveNoSignificance(t *testing.T) {
	for n := 1; n < fewest; n++ {
		same, more := make([]float64, n), make([]float64, n)
		for i := range more {
			more[i] = 5
		}
		c := judged(1, same, more)
		require.True(t, math.IsNaN(c.p), n)
		require.True(t, c.changed, "all of the one side lie beyond the other")
		require.False(t, judged(1, same, same).changed)
	}
	require.True(t, math.IsNaN(judged(1, []float64{1, 1, 1, 1, 1, 1, 1}, []float64{9}).p), "one run is no sample")
	require.False(t, judged(1, []float64{0, 1, 0}, []float64{1.1, 3, 2}).changed, "apart by less than the margin")
	require.False(t, judged(1, nil, []float64{1}).changed)
	require.InDelta(t, 2.0/252, minP(5, 5), 1e-12)
	require.InDelta(t, 2.0/8, minP(7, 1), 1e-12)
	require.InDelta(t, 1, minP(1, 1), 1e-12)
}

// points are 12 of which the first has changed by so much, with noise of up to 5, so many repeats of each.
func points(n int, by float64) (tests []*test) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 12 {
		c := &test{floor: 1}
		for range n {
			c.base, c.head = append(c.base, 100+5*r.Float64()), append(c.head, 100+5*r.Float64())
		}
		if i == 0 {
			for j := range c.head {
				c.head[j] += by
			}
		}
		tests = append(tests, c)
	}
	judge(tests)
	return tests
}

func TestAmongManyPointsAChangeOfOneNeedsMoreRepeatsOrToBeClear(t *testing.T) {
	require.InDelta(t, 2.0/252, points(5, 6)[0].p, 1e-9)
	require.False(t, points(5, 6)[0].changed, "as much comes by chance once in 11 times at one of 12 points")
	require.Equal(t, 7, repeatsFor(12))
	for _, found := range [][]*test{points(7, 6), points(5, 12)} {
		require.True(t, found[0].changed)
		for _, c := range found[1:] {
			require.False(t, c.changed)
		}
	}
	quiet := points(5, 6)
	for _, c := range quiet[1:] { // as killed at their limit: nothing can be said of them, so they are not corrected for
		for j := range c.base {
			c.base[j], c.head[j] = 100, 100.5
		}
	}
	judge(quiet)
	require.True(t, quiet[0].changed)
	require.InDelta(t, quiet[0].p, quiet[0].q, 1e-12)
}

// At one of several points the peak may have jumped by a huge page; that it has in each run is chance, as the others show.
func TestAJumpThatOtherPointsShowAsNoiseIsNoise(t *testing.T) {
	jump := &test{base: []float64{59.7, 59.8, 59.7, 59.9, 59.8}, head: []float64{61.8, 61.9, 61.8, 61.8, 61.9}, floor: 0.6}
	other := func() *test {
		return &test{base: []float64{59.7, 61.8, 61.9, 59.9, 61.8}, head: []float64{61.8, 59.9, 61.8, 59.8, 61.9}, floor: 0.6}
	}
	judge([]*test{jump, other(), other()})
	require.False(t, jump.changed)
	judge([]*test{jump})
	require.True(t, jump.changed, "alone, nothing says so")
}

// A real service of 22 MiB, whose peak is by up to two huge pages more or less, and a build of it that takes 3 MiB more, at two limits:
// 5 repeats show it at one of them.
func TestThreeMiBMoreAreFoundInASmallServiceAtOneOfTwoLimits(t *testing.T) {
	at40 := &test{base: []float64{24.2, 22.1, 22.2, 24, 22.2}, head: []float64{26.1, 28.1, 25.9, 28.2, 28.1}, floor: 0.25}
	at48 := &test{base: []float64{26, 24.2, 24, 22.2, 22}, head: []float64{26, 25.8, 26.1, 26.1, 26.3}, floor: 0.25}
	judge([]*test{at40, at48})
	require.True(t, at40.changed)
	require.InDelta(t, 2.0/252, at40.p, 1e-9)
	require.False(t, at48.changed)
}

// kindsOfNoise are what the runs of one build differ by, in MiB.
var kindsOfNoise = map[string]func(*rand.Rand) float64{
	"normal":     func(r *rand.Rand) float64 { return r.NormFloat64() },
	"lognormal":  func(r *rand.Rand) float64 { return 2 * math.Exp(0.5*r.NormFloat64()) },
	"two values": func(r *rand.Rand) float64 { return 2*float64(r.IntN(2)) + 0.1*r.NormFloat64() },
	"rarely far": func(r *rand.Rand) float64 { return 0.2*r.NormFloat64() + 4*float64(r.IntN(10)/9) },
}

// noisy is a comparison of two builds of a service of 60 MiB, at so many points with 5 repeats each. Its noise is far above the
// floor of a peak.
func noisy(tb testing.TB, r *rand.Rand, noise func(*rand.Rand) float64, points int, more float64) *Comparison {
	tb.Helper()
	side := func(more float64) *Results {
		results := &Results{points: map[string]*point{}}
		for i := range points {
			for n := range 5 {
				peak := outcome.Bytes((60 + more + noise(r)) * float64(outcome.MiB))
				results.add(made(fmt.Sprintf("max=%dMiB/repeat=%d", 80+i, n+1), outcome.Survived, outcome.Bytes(80+i)*outcome.MiB, peak, 7))
			}
		}
		return results
	}
	return Compare(side(0), side(more))
}

func changedPeaks(c *Comparison) (n int) {
	for _, p := range c.Points {
		if p.Peak.Changed {
			n++
		}
	}
	return n
}

// docs/compare.md states these figures.
func TestEqualBuildsAreQuiet(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // garbage collection was half of the time in an emulated guest
	const comparisons = 1000
	for name, noise := range kindsOfNoise {
		for _, points := range []int{1, 2, 3, 6, 24} {
			r := rand.New(rand.NewPCG(20261129, uint64(points)))
			alarms := 0
			for range comparisons {
				if changedPeaks(noisy(t, r, noise, points, 0)) > 0 {
					alarms++
				}
			}
			t.Logf("%s, %d points: %d of %d comparisons of equal builds have an alarm", name, points, alarms, comparisons)
			require.LessOrEqual(t, alarms, comparisons/200, "%s, %d points", name, points)
		}
	}
}

func TestAPlantedRegressionIsFound(t *testing.T) {
	const comparisons = 200
	for name, noise := range map[string]func(*rand.Rand) float64{
		"half a MiB of normal noise": func(r *rand.Rand) float64 { return 0.5 * r.NormFloat64() },
		"huge pages":                 kindsOfNoise["two values"],
	} {
		for _, points := range []int{1, 2, 6} {
			r := rand.New(rand.NewPCG(20261129, uint64(points)))
			found := 0
			for range comparisons {
				c := noisy(t, r, noise, points, 3)
				if changedPeaks(c) == points {
					found++
				}
			}
			t.Logf("%s, %d points: 3 MiB more found at all of them in %d of %d comparisons", name, points, found, comparisons)
			require.GreaterOrEqual(t, found, comparisons*9/10, "%s, %d points", name, points)
		}
	}
}
