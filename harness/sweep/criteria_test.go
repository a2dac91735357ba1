package sweep

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

func TestWellIsWhatWasAskedFor(t *testing.T) {
	o := &outcome.Outcome{Verdict: outcome.Survived, Took: 10 * time.Second, Latency: &outcome.Latency{Count: 100, P99: 300 * time.Millisecond, P50: 2 * time.Millisecond, PerSecond: 40}}
	o.Evidence.Pressure.Some, o.Evidence.Refaults = time.Second, 7
	none, seven := uint64(0), uint64(7)
	p99 := func(d time.Duration) Quantile { return Quantile{"p99", d} }
	for want, w := range map[string]Criteria{
		"":                      {},
		"p99 was 300 ms":        {Latency: p99(299 * time.Millisecond)},
		"it took 40 steps/s":    {Rate: 40.5},
		"its pressure was 10 %": {Pressure: 0.099, Latency: p99(time.Second)},
		"it had 7 refaults":     {Refaults: &none},
	} {
		require.Equal(t, want, w.unmet(o))
	}
	require.Empty(t, Criteria{Latency: p99(300 * time.Millisecond), Rate: 40, Pressure: 0.1, Refaults: &seven}.unmet(o))
	require.Empty(t, Criteria{Latency: Quantile{"p50", 2 * time.Millisecond}}.unmet(o))
	o.Latency = nil
	require.Equal(t, "it has no times of steps", Criteria{Rate: 1}.unmet(o))
	o.Evidence.Unread = map[outcome.Source]string{outcome.PressureFile: "not supported"}
	require.Equal(t, "its pressure could not be read: not supported", Criteria{Pressure: 1}.unmet(o), "nothing read is not nothing lost")
	o.Verdict, o.Why = outcome.OOMKilled, "killed by its own limit"
	require.Equal(t, "killed by its own limit", Criteria{}.unmet(o))
	require.Equal(t, "p99 ≤ 200 ms, pressure ≤ 5 %, at most 0 refaults, at least 50 steps/s",
		Criteria{Latency: p99(200 * time.Millisecond), Pressure: 0.05, Refaults: &none, Rate: 50}.String())
}

// slow is a program of which a part of the time is lost that grows as its page cache gets less room.
func slow(p program, limit outcome.Bytes, random *rand.Rand) *outcome.Outcome {
	o := p.run(limit, random)
	lack := max(p.needs+p.cache-limit, 0)
	o.Evidence.Pressure.Some = time.Duration(float64(o.Took) * 0.5 * float64(lack) / float64(p.cache))
	return o
}

func TestBothLimitsAreFoundWhereItDiesAndWhereItIsWell(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	s := wholeRange
	s.Criteria = Criteria{Pressure: 0.05}
	s.defaults()
	most := 0
	for needs := 65 * outcome.MiB; needs < 700*outcome.MiB; needs += 7*outcome.MiB + 100*outcome.KiB {
		p := program{needs: needs, cache: 100 * outcome.MiB}
		f := newFinder(s)
		for wants := f.next(); wants != nil; wants = f.next() {
			for _, w := range wants {
				for f.runs(w.max) < w.runs {
					f.add(w.max, slow(p, w.max, random))
				}
			}
		}
		a := f.answer(nil)
		require.GreaterOrEqual(t, a.Max, needs)
		require.Less(t, a.Max, needs+outcome.MiB)
		well := needs + 90*outcome.MiB // a tenth of the cache has no room
		require.GreaterOrEqual(t, a.Well, well)
		require.Less(t, a.Well, well+outcome.MiB)
		require.Equal(t, 3, a.At(a.Well).Well)
		require.Less(t, a.At(f.well.below(a.Well)).Well, 3)
		require.Equal(t, a.At(a.Well).Peak, a.Peak)
		require.Equal(t, a.Well, a.Advise(outcome.Spec{}, s.Criteria, 0, "").From)
		most = max(most, len(a.Trials))
	}
	require.LessOrEqual(t, most, 16, "where it dies, and where it is well")
}

func TestWhatIsNeverWellHasNoLimitToWrite(t *testing.T) {
	s := wholeRange
	s.Criteria = Criteria{Rate: 1000}
	s.defaults()
	f := newFinder(s)
	p := program{needs: 200 * outcome.MiB}
	for wants := f.next(); wants != nil; wants = f.next() {
		for _, w := range wants {
			for f.runs(w.max) < w.runs {
				f.add(w.max, p.run(w.max, rand.New(rand.NewPCG(1, 2))))
			}
		}
	}
	a := f.answer(nil)
	require.Equal(t, 200*outcome.MiB, a.Max)
	require.Zero(t, a.Well)
	require.Nil(t, a.Advise(outcome.Spec{}, s.Criteria, 0.2, ""))
}

// A limit that is tried for being well may be one at which a run dies, below which others had lived by luck.
func TestALimitThatIsTriedForBeingWellMayMoveTheOther(t *testing.T) {
	s := wholeRange
	s.Criteria = Criteria{Pressure: 0.05}
	s.defaults()
	moved := 0
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 3))
		p := program{needs: 200 * outcome.MiB, cache: 100 * outcome.MiB, odds: func(limit outcome.Bytes) float64 {
			return map[bool]float64{true: 0.95, false: 0}[limit >= 200*outcome.MiB]
		}}
		f := newFinder(s)
		first := outcome.Bytes(0)
		for wants := f.next(); wants != nil; wants = f.next() {
			if f.well != nil && first == 0 {
				first = f.lives.answer()
			}
			for _, w := range wants {
				for f.runs(w.max) < w.runs {
					f.add(w.max, slow(p, w.max, random))
				}
			}
		}
		a := f.answer(nil)
		if a.Max == 0 {
			continue
		}
		requireProved(t, a, s)
		if a.Well != 0 {
			require.GreaterOrEqual(t, a.Well, a.Max)
		}
		if first != 0 && first != a.Max {
			moved++
		}
	}
	require.Positive(t, moved)
}
