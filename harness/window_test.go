package harness

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// recipe is much like the gin app at readiness.
var recipe = Baseline{Current: 8 << 20, PageSize: 4096, CPUs: 2, HugePage: 2 * MiB}

func TestPredictionOfTheRecipe(t *testing.T) {
	require.Equal(t, Window{4, 4}, Predict(recipe, Limits{Max: 100000000}, 20*MiB))
}

func TestPredictionGrowsWithTheLimit(t *testing.T) {
	last := Window{}
	for limit := 16 * MiB; limit <= 512*MiB; limit += MiB {
		w := Predict(recipe, Limits{Max: limit}, 10*MiB)
		require.LessOrEqual(t, w.Lo, w.Hi)
		require.LessOrEqual(t, w.Hi-w.Lo, 1, "limit %v", limit)
		require.GreaterOrEqual(t, w.Lo, last.Lo)
		require.GreaterOrEqual(t, w.Hi, last.Hi)
		last = w
	}
	require.Equal(t, 50, last.Hi)
}

func TestPredictionCountsWhatTheKernelCanTakeBack(t *testing.T) {
	b := Baseline{Current: 30 * MiB, PageSize: 4096, CPUs: 1}
	dirty := Predict(b, Limits{Max: 50 * MiB}, 10*MiB)
	b.File = 20 * MiB
	clean := Predict(b, Limits{Max: 50 * MiB}, 10*MiB)
	require.Equal(t, Window{1, 2}, dirty)
	require.Equal(t, Window{1, 4}, clean, "page cache may be reclaimed, or may not")
}

// Seen on 6.12: the third step was charged 1.9 MB less than its size, and there was room for it.
func TestPredictionCountsWhatIsEmptyOfAHugePage(t *testing.T) {
	b := Baseline{Current: 5226496, PageSize: 4096, CPUs: 2}
	require.Equal(t, Window{2, 2}, Predict(b, Limits{Max: 64 * MiB}, 20*MiB))
	b.HugePage = 2 * MiB
	require.Equal(t, Window{2, 3}, Predict(b, Limits{Max: 64 * MiB}, 20*MiB))
}

func TestPredictionIsAsNarrowOnAMachineWithManyCPUs(t *testing.T) {
	for cpus := 1; cpus <= 1024; cpus *= 2 {
		b := Baseline{Current: 2867200, PageSize: 4096, CPUs: cpus, HugePage: 2 * MiB}
		for limit := 16 * MiB; limit <= 512*MiB; limit += MiB {
			w := Predict(b, Limits{Max: limit}, 10*MiB)
			require.LessOrEqual(t, w.Hi-w.Lo, 1, "limit %v, %d CPUs", limit, cpus)
			require.LessOrEqual(t, w.Hi, int(limit/(10*MiB)), "limit %v, %d CPUs", limit, cpus)
		}
	}
}

func TestPredictionWithSwapAllowed(t *testing.T) {
	w := Predict(recipe, Limits{Max: 100 * MiB, Swap: 100 * MiB}, 20*MiB)
	require.Equal(t, Window{4, 9}, w)
	require.Equal(t, math.MaxInt64/int(20*MiB), Predict(recipe, Limits{Max: 100 * MiB, Swap: Unlimited}, 20*MiB).Hi)
}

func TestPredictionUnderMemoryHighBeginsThere(t *testing.T) {
	require.Equal(t, Window{1, 4}, Predict(recipe, Limits{Max: 100 * MiB, High: 40 * MiB}, 20*MiB))
}

func TestPredictionOfAStepLargerThanTheRoom(t *testing.T) {
	require.Equal(t, Window{0, 0}, Predict(recipe, Limits{Max: 20 * MiB}, 64*MiB))
	require.Equal(t, Window{0, 0}, Predict(recipe, Limits{Max: 4 * MiB}, MiB), "the limit lies below the baseline")
}

func TestPredictionRoundsTheLimitDownToAPage(t *testing.T) {
	b := Baseline{PageSize: 4096}
	require.Equal(t, 2, Predict(b, Limits{Max: 3*4096 - 1}, 4096).Hi)
	require.Equal(t, 3, Predict(b, Limits{Max: 3 * 4096}, 1).Hi, "a step of one byte takes a page")
}

func TestNothingIsPredictedWithoutALimitOrAStep(t *testing.T) {
	open := Window{0, math.MaxInt}
	require.Equal(t, open, Predict(recipe, Limits{}, 20*MiB))
	require.Equal(t, open, Predict(recipe, Limits{Max: Unlimited}, 20*MiB))
	require.Equal(t, open, Predict(recipe, Limits{Max: 100 * MiB}, 0))
	require.Equal(t, "0..", open.String())
	require.Equal(t, "4..5", Window{4, 5}.String())
}
