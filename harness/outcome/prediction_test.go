package outcome

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// recipe is much like the gin app at readiness.
var recipe = Baseline{Current: 8 << 20, PageSize: 4096, CPUs: 2, HugePage: 2 * MiB}

func TestPredictionOfTheRecipe(t *testing.T) {
	require.Equal(t, Prediction{4, 4}, Predict(recipe, Limits{Max: 100000000}, 20*MiB))
}

func TestPredictionGrowsWithTheLimit(t *testing.T) {
	last := Prediction{}
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
	require.Equal(t, Prediction{1, 2}, dirty)
	require.Equal(t, Prediction{1, 4}, clean, "page cache may be reclaimed, or may not")
}

// Seen on 6.12: the third step was charged 1.9 MB less than its size, and there was room for it.
func TestPredictionCountsWhatIsEmptyOfAHugePage(t *testing.T) {
	b := Baseline{Current: 5226496, PageSize: 4096, CPUs: 2}
	require.Equal(t, Prediction{2, 2}, Predict(b, Limits{Max: 64 * MiB}, 20*MiB))
	b.HugePage = 2 * MiB
	require.Equal(t, Prediction{2, 3}, Predict(b, Limits{Max: 64 * MiB}, 20*MiB))
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
	require.Equal(t, Prediction{4, 9}, w)
	require.Equal(t, toInt(math.MaxInt64/int64(20*MiB)), Predict(recipe, Limits{Max: 100 * MiB, Swap: Unlimited}, 20*MiB).Hi)
}

func TestPredictionUnderMemoryHighBeginsThere(t *testing.T) {
	require.Equal(t, Prediction{1, 4}, Predict(recipe, Limits{Max: 100 * MiB, High: 40 * MiB}, 20*MiB))
}

func TestPredictionOfAStepLargerThanTheRoom(t *testing.T) {
	require.Equal(t, Prediction{0, 0}, Predict(recipe, Limits{Max: 20 * MiB}, 64*MiB))
	require.Equal(t, Prediction{0, 0}, Predict(recipe, Limits{Max: 4 * MiB}, MiB), "the limit lies below the baseline")
}

func TestPredictionRoundsTheLimitDownToAPage(t *testing.T) {
	b := Baseline{PageSize: 4096}
	require.Equal(t, 2, Predict(b, Limits{Max: 3*4096 - 1}, 4096).Hi)
}

// Seen on 6.12 with malloc(step), which packs, below 16 MiB: 16354 steps of 1000 bytes were acknowledged, and 64947 of 100
// until the time was up. A target may as well take a page for each.
func TestPredictionOfAStepThatIsNoMultipleOfAPage(t *testing.T) {
	b := Baseline{Current: 200 * KiB, PageSize: 4096, CPUs: 2, HugePage: 2 * MiB}
	for _, step := range []Bytes{1, 100, 1000, 4095, 4097, 5000, 6000, MiB + 1} {
		room := 16*MiB - b.Current
		pages := (step + 4095) / 4096
		w := Predict(b, Limits{Max: 16 * MiB}, step)
		require.True(t, w.Contains(int((room-MiB)/(step+min(16, step)))), "packed: %d bytes, %s", step, w)
		require.True(t, w.Contains(int((room-MiB/2)/(4096*pages))), "a page or more for each: %d bytes, %s", step, w)
	}
	require.True(t, Predict(b, Limits{Max: 16 * MiB}, 1000).Contains(16354))
	require.True(t, Predict(b, Limits{Max: 16 * MiB}, 100).Contains(64947))
	require.Equal(t, Prediction{3271, 4096}, Predict(b, Limits{Max: 16 * MiB}, 4096), "a multiple of a page is one")
}

func TestAWindowIsReadAsItWasWritten(t *testing.T) {
	for text, w := range map[string]Prediction{
		`{"lo":4,"hi":5}`: {4, 5}, `{"lo":0}`: {0, math.MaxInt}, `{"lo":0,"hi":0}`: {},
	} {
		data, err := json.Marshal(w)
		require.NoError(t, err)
		require.Equal(t, text, string(data))
		var back Prediction
		require.NoError(t, json.Unmarshal(data, &back))
		require.Equal(t, w, back)
	}
	var w Prediction // of a machine of 64 bits
	require.NoError(t, json.Unmarshal([]byte(`{"lo":3,"hi":439804651110}`), &w))
	require.Equal(t, Prediction{3, toInt(439804651110)}, w)
	require.Error(t, json.Unmarshal([]byte(`{"lo":"x"}`), &w))
}

func TestNothingIsPredictedWithoutALimitOrAStep(t *testing.T) {
	open := Prediction{0, math.MaxInt}
	require.Equal(t, open, Predict(recipe, Limits{}, 20*MiB))
	require.Equal(t, open, Predict(recipe, Limits{Max: Unlimited}, 20*MiB))
	require.Equal(t, open, Predict(recipe, Limits{Max: 100 * MiB}, 0))
	require.Equal(t, "0..", open.String())
	require.Equal(t, "4..5", Prediction{4, 5}.String())
}

func TestTheRoomAboveTheCageLimitsThePrediction(t *testing.T) {
	b := Baseline{Current: 8 * MiB, File: MiB, PageSize: 4096, CPUs: 2}
	own := Predict(b, Limits{Max: 200 * MiB}, 10*MiB)
	require.Equal(t, Prediction{19, 19}, own)
	b.Room, b.RoomCache = GiB, MiB
	require.Equal(t, own, Predict(b, Limits{Max: 200 * MiB}, 10*MiB), "there is enough of it")
	b.Room = 50 * MiB
	require.Equal(t, Prediction{4, 5}, Predict(b, Limits{Max: 200 * MiB}, 10*MiB))
	require.True(t, b.short(Limits{Max: 200 * MiB}))
	b.RoomCache = 31 * MiB // of which 30 are others'
	require.Equal(t, Prediction{7, 8}, Predict(b, Limits{Max: 200 * MiB}, 10*MiB))
	require.Equal(t, Prediction{0, 0}, Predict(Baseline{Current: 8 * MiB, PageSize: 4096, Room: 1}, Limits{Max: 200 * MiB}, 10*MiB), "nothing is left")
	require.False(t, Baseline{Current: 8 * MiB}.short(Limits{Max: 200 * MiB}))
}
