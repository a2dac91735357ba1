package sweep

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// program is a synthetic one. Its run at a limit has all that the search looks at.
type program struct {
	needs outcome.Bytes // below it dies
	cache outcome.Bytes // page cache that it fills where there is room; of it hot is needed too, and counted as cache
	hot   outcome.Bytes
	noise outcome.Bytes // charged ahead at the peak, and never needed: from 0 to this
	huge  bool          // the memory is in huge pages: up to one of it is not needed

	step  outcome.Bytes // what one of its steps takes; 0: it has none
	heap  float64       // of the limit is all that its runtime allows itself, and gives up beyond it
	share float64       // of the limit is what a runtime takes where more is there than it needs, up to most
	most  outcome.Bytes
	blind bool                                 // the kernel has no memory.peak and no composition
	odds  func(limit outcome.Bytes) float64    // of survival; nil: it lives from needs on
	dies  func(limit outcome.Bytes) (yes bool) // whatever it needs
}

func (p program) steps() int {
	if p.step == 0 {
		return 0
	}
	return max(int((p.needs-8*outcome.MiB)/p.step), 1)
}

func (p program) run(limit outcome.Bytes, random *rand.Rand) *outcome.Outcome {
	o := &outcome.Outcome{Name: "x", Spec: outcome.Spec{Limits: outcome.Limits{Max: limit}, Load: outcome.Load{Count: p.steps()}}, Took: 1e9}
	lives := limit >= p.needs+p.hot
	if p.odds != nil {
		lives = random.Float64() < p.odds(limit)
	}
	if p.heap > 0 && p.heap*float64(limit) < float64(p.needs) {
		o.Verdict, o.Why, o.Peak = outcome.RuntimeOOM, "its own runtime gave up", outcome.Bytes(p.heap*float64(limit))
		return o
	}
	if p.dies != nil && p.dies(limit) {
		lives = false
	}
	if p.step > 0 {
		o.Attempted, o.Acknowledged = p.steps(), p.steps()
	}
	if !lives {
		o.Verdict, o.Why, o.Peak = outcome.OOMKilled, "killed by its own limit", limit
		if p.step > 0 {
			o.Acknowledged = max(p.steps()-1-int((p.needs-min(limit, p.needs))/p.step), 0)
			o.Attempted = o.Acknowledged + 1
		}
		if p.hot > 0 {
			o.Evidence.Fullest = &outcome.Composition{Current: limit, Kernel: true, Stat: outcome.MemoryStat{Anon: limit - p.hot*8/10, File: p.hot * 8 / 10}}
		}
		return o
	}
	o.Verdict = outcome.Survived
	if p.step > 0 {
		o.Measured = &outcome.Measured{Step: p.step, Error: outcome.MiB / 10, Steps: p.steps()}
	}
	if p.blind {
		return o
	}
	held := p.needs
	if p.share > 0 {
		held = max(held, min(p.most, outcome.Bytes(p.share*float64(limit))))
	}
	if p.noise > 0 {
		held += outcome.Bytes(random.Int64N(int64(p.noise)))
	}
	stat := outcome.MemoryStat{Anon: min(held, limit)}
	if p.huge {
		stat.AnonTHP, stat.Anon = stat.Anon/2, min(stat.Anon+outcome.Bytes(random.Int64N(int64(hugePage(o.Baseline)))), limit)
	}
	stat.File = min(p.cache, limit-stat.Anon)
	o.Peak = stat.Anon + stat.File
	o.Evidence.Fullest = &outcome.Composition{Current: o.Peak, Stat: stat}
	return o
}

// searched runs the search to its end.
func (p program) searched(t *testing.T, s Search, random *rand.Rand) (*Answer, *finder) {
	t.Helper()
	s.defaults()
	f := newFinder(s)
	for range 100 {
		wants := f.next()
		if f.done = wants == nil; f.done {
			return f.answer(nil), f
		}
		for _, w := range wants {
			require.Less(t, f.runs(w.max), w.runs)
			for f.runs(w.max) < w.runs {
				f.add(w.max, p.run(w.max, random))
			}
		}
	}
	require.Fail(t, "the search does not end")
	return nil, nil
}

// requireProved checks what is promised of each answer that is not at an end of the search.
func requireProved(t *testing.T, a *Answer, s Search) {
	t.Helper()
	s.defaults()
	w := s.walk()
	at, below, above := a.At(a.Max), a.At(w.below(a.Max)), a.At(w.above(a.Max))
	require.GreaterOrEqual(t, at.Runs, s.Grid.Repeat)
	require.True(t, at.survives())
	if w.below(a.Max) != 0 {
		require.GreaterOrEqual(t, below.Runs, s.Grid.Repeat)
		require.False(t, below.survives(), "%v", a.Trials)
	}
	if w.above(a.Max) != 0 {
		require.GreaterOrEqual(t, above.Runs, s.Grid.Repeat)
		require.True(t, above.survives())
	}
}

var wholeRange = Search{Lo: 64 * outcome.MiB, Hi: outcome.GiB}

// The kinds of programs, and the most limits that any of them may take: the range is 64 MiB to 1 GiB, to 1 MiB, and halving takes 11 to 13.
func TestAFewLimitsAreEnoughToFindAndProveTheAnswer(t *testing.T) {
	for _, kind := range []struct {
		name string
		most int
		make func(needs outcome.Bytes, random *rand.Rand) program
	}{
		{"a service that keeps what it is sent", 5, func(needs outcome.Bytes, _ *rand.Rand) program {
			return program{needs: needs, step: 8 * outcome.MiB, noise: outcome.MiB / 2}
		}},
		{"one with huge pages", 6, func(needs outcome.Bytes, _ *rand.Rand) program {
			return program{needs: needs, step: 8 * outcome.MiB, noise: outcome.MiB / 2, huge: true}
		}},
		{"a program that reads large files, of which it needs little again", 8, func(needs outcome.Bytes, random *rand.Rand) program {
			return program{needs: needs, cache: 300 * outcome.MiB, hot: outcome.Bytes(random.Int64N(int64(4 * outcome.MiB))), noise: outcome.MiB / 2}
		}},
		{"one of which the estimate is 10 % too low", 14, func(needs outcome.Bytes, _ *rand.Rand) program {
			return program{needs: needs, cache: 300 * outcome.MiB, hot: needs / 10}
		}},
		{"one of which the estimate is half as much again", 20, func(needs outcome.Bytes, _ *rand.Rand) program {
			return program{needs: needs, noise: needs / 2}
		}},
		{"a runtime that takes a quarter of its limit", 12, func(needs outcome.Bytes, _ *rand.Rand) program {
			return program{needs: needs, share: 0.25, most: outcome.GiB, noise: outcome.MiB / 2}
		}},
		{"a runtime that takes three quarters of its limit", 13, func(needs outcome.Bytes, _ *rand.Rand) program {
			return program{needs: needs, share: 0.75, most: outcome.GiB}
		}},
		{"a runtime that allows itself a quarter of its limit, and gives up beyond it", 7, func(needs outcome.Bytes, _ *rand.Rand) program {
			return program{needs: needs / 4, heap: 0.25, noise: outcome.MiB / 2}
		}},
		{"a program on a kernel that has no peak", 13, func(needs outcome.Bytes, _ *rand.Rand) program {
			return program{needs: needs, blind: true}
		}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			most, sum, n := 0, 0, 0
			for needs := 65 * outcome.MiB; needs < 1000*outcome.MiB; needs += 3*outcome.MiB + 700*outcome.KiB {
				p := kind.make(needs, random)
				a, _ := p.searched(t, wholeRange, random)
				want := p.needs + p.hot
				if p.heap > 0 {
					want = outcome.Bytes(float64(p.needs) / p.heap)
				}
				if want > wholeRange.Hi {
					require.Zero(t, a.Max)
					continue
				}
				require.GreaterOrEqual(t, a.Max, want)
				require.Less(t, a.Max, want+outcome.MiB)
				requireProved(t, a, wholeRange)
				require.Empty(t, a.Warnings)
				require.Nil(t, a.Border)
				most, sum, n = max(most, len(a.Trials)), sum+len(a.Trials), n+1
			}
			t.Logf("%d programs: %.1f limits, at most %d", n, float64(sum)/float64(n), most)
			require.LessOrEqual(t, most, kind.most)
		})
	}
}

func TestTheSearchFindsEverySmallestLimitToItsTolerance(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, tolerance := range []outcome.Bytes{outcome.MiB, 4 * outcome.MiB, 100 * outcome.KiB} {
		s := Search{Lo: outcome.MiB, Hi: 64 * outcome.MiB, Tolerance: tolerance}
		for need := 2 * outcome.MiB; need <= 64*outcome.MiB; need += 333 * outcome.KiB {
			a, _ := program{needs: need, noise: 3 * outcome.MiB}.searched(t, s, random)
			require.GreaterOrEqual(t, a.Max, need)
			require.Less(t, a.Max, need+tolerance)
			requireProved(t, a, s)
			for i := 1; i < len(a.Trials); i++ {
				require.Greater(t, a.Trials[i].Max, a.Trials[i-1].Max)
			}
		}
	}
}

func TestTheEndsOfTheSearchAreAnswersToo(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	a, _ := program{needs: 1025 * outcome.MiB}.searched(t, wholeRange, random)
	require.Zero(t, a.Max)
	require.Len(t, a.Trials, 1, "what does not survive the most is not tried with less")
	require.Equal(t, 3, a.Trials[0].Runs)
	a, _ = program{needs: outcome.MiB}.searched(t, wholeRange, random)
	require.Equal(t, 64*outcome.MiB, a.Max)
	require.Equal(t, 3, a.At(a.Max).Survived)
	a, _ = program{needs: outcome.GiB}.searched(t, wholeRange, random)
	require.Equal(t, outcome.GiB, a.Max)
	require.Equal(t, "1023MiB: 0 of 3", a.Below().String())
}

// sCurve lives in so many of 100 runs, from never to always over that many MiB around the middle.
func sCurve(middle, width outcome.Bytes) func(outcome.Bytes) float64 {
	return func(limit outcome.Bytes) float64 {
		return min(1, max(0, 0.5+float64(limit-middle)/float64(width)))
	}
}

func TestAFlakyBorderIsARangeWithAConfidence(t *testing.T) {
	for _, width := range []outcome.Bytes{4 * outcome.MiB, 10 * outcome.MiB, 40 * outcome.MiB} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, uint64(width)))
			found, covered, limits, unsure, runs := 0, 0, 0, 0, 0
			const all = 200
			for i := range all {
				middle := 200*outcome.MiB + outcome.Bytes(i)*outcome.MiB/2
				odds := sCurve(middle, width)
				p := program{needs: middle, odds: odds, noise: outcome.MiB}
				a, _ := p.searched(t, wholeRange, random)
				requireProved(t, a, wholeRange)
				limits = max(limits, len(a.Trials))
				if a.Border == nil {
					require.InDelta(t, float64(middle), float64(a.Max), float64(width)/2+float64(outcome.MiB), "sharp by luck, and within the border")
					continue
				}
				found++
				require.Equal(t, a.Max, a.Border.Hi)
				require.Less(t, a.Border.Lo, a.Border.Hi)
				require.GreaterOrEqual(t, a.At(a.Max).Runs, 15)
				require.Zero(t, a.At(a.Border.Lo).Survived)
				require.GreaterOrEqual(t, a.At(a.Border.Lo).Runs, 15)
				if odds(a.Border.Lo) < 0.2 && odds(a.Border.Hi) > 0.8 {
					covered++
				}
				if odds(a.Max) < a.Border.Sure.Lo {
					unsure++
				}
				for _, t := range a.Trials {
					runs += t.Runs
				}
			}
			t.Logf("found %d of %d, covered %d, at most %d limits, %d runs each, %d below their confidence", found, all, covered, limits, runs/max(found, 1), unsure)
			require.GreaterOrEqual(t, found, all*8/10, "three runs of three at each limit are luck now and then")
			require.GreaterOrEqual(t, covered, found*9/10)
			require.LessOrEqual(t, limits, 34)
			require.LessOrEqual(t, runs, 150*found)
			require.LessOrEqual(t, unsure, found/10, "it was looked for among several limits, so it is not 5 %")
		})
	}
}

func TestWhereMoreMemoryHarmsTheAnswerIsAboveAndSaysSo(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	seen, seed := 0, 0
	for width := outcome.MiB; width < 40*outcome.MiB; width += 3 * outcome.MiB {
		for from := 201 * outcome.MiB; from < 240*outcome.MiB; from += 7 * outcome.MiB {
			p := program{needs: 200 * outcome.MiB, noise: outcome.Bytes(seed%2) * 2 * outcome.MiB, dies: func(limit outcome.Bytes) bool { return limit >= from && limit < from+width }}
			seed++
			a, _ := p.searched(t, wholeRange, random)
			requireProved(t, a, wholeRange)
			require.Nil(t, a.Border, "each limit is as it is")
			for _, trial := range a.Trials {
				require.True(t, trial.Max < a.Max || trial.survives())
			}
			require.Contains(t, []outcome.Bytes{200 * outcome.MiB, from + width}, a.Max)
			if len(a.Warnings) > 0 {
				seen++
				require.Regexp(t, `^\d+MiB survived \(\d of \d\) and \d+MiB, which is more, did not \(0 of \d\): the answer is above both$`, a.Warnings[0])
			}
		}
	}
	require.Positive(t, seen)
}

func TestAProgramThatLivesByChanceAloneEndsTheSearch(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, odds := range []float64{0.3, 0.5, 0.9, 0.97} {
		for range 50 {
			a, f := program{needs: 200 * outcome.MiB, odds: func(outcome.Bytes) float64 { return odds }}.searched(t, wholeRange, random)
			require.LessOrEqual(t, len(a.Trials), maxLimits+3)
			if a.Max != 0 {
				require.True(t, a.At(a.Max).survives())
			} else {
				require.False(t, f.lives.at(outcome.GiB).lives())
			}
		}
	}
}

func TestTheSearchGoesTheSameWayAgain(t *testing.T) {
	p := program{needs: 200 * outcome.MiB, odds: sCurve(200*outcome.MiB, 10*outcome.MiB)}
	first, _ := p.searched(t, wholeRange, rand.New(rand.NewPCG(7, 7)))
	second, _ := p.searched(t, wholeRange, rand.New(rand.NewPCG(7, 7)))
	require.Equal(t, first, second)
}

func TestAnIntervalHoldsTheShareThatItIsOf(t *testing.T) {
	require.Equal(t, Interval{0, 1}, wilson(0, 0))
	for _, c := range []struct {
		k, n   int
		lo, hi float64
	}{{0, 10, 0, 0.2775}, {10, 10, 0.7225, 1}, {5, 10, 0.2366, 0.7634}, {15, 15, 0.7961, 1}, {1, 100, 0.0018, 0.0545}} { // Wilson's, as R's binom has them
		i := wilson(c.k, c.n)
		require.InDelta(t, c.lo, i.Lo, 0.0002)
		require.InDelta(t, c.hi, i.Hi, 0.0002)
	}
	random := rand.New(rand.NewPCG(1, 2))
	const all = 20_000
	for _, p := range []float64{0.1, 0.5, 0.8, 0.95} {
		held := 0
		for range all {
			k := 0
			for range 15 {
				if random.Float64() < p {
					k++
				}
			}
			if i := wilson(k, 15); i.Lo <= p && p <= i.Hi {
				held++
			}
		}
		require.Greater(t, float64(held)/all, 0.92, "%v", p)
	}
	require.False(t, math.IsNaN(wilson(15, 15).Lo))
}
