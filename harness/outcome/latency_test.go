package outcome

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const ms = time.Millisecond

// quantileOf is by the definition: the least value that at least the share of all do not exceed.
func quantileOf(all []time.Duration, percent int) time.Duration {
	for _, candidate := range slices.Sorted(slices.Values(all)) {
		notAbove := 0
		for _, d := range all {
			if d <= candidate {
				notAbove++
			}
		}
		if 100*notAbove >= percent*len(all) {
			return candidate
		}
	}
	return -1
}

func TestQuantilesAreExactWhereAllStepsAreThere(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 5)) //nolint:gosec // times, no secrets
		took := make([]time.Duration, 1+r.IntN(150))
		for i := range took {
			took[i] = time.Duration(math.Exp(r.Float64() * 22)) // from 1 ns to 3 s, with equal ones
		}
		s := logOf(stepsOf(took...)).Latency(nil, Evidence{})
		require.Equal(t, []time.Duration{quantileOf(took, 50), quantileOf(took, 95), quantileOf(took, 99), slices.Max(took), took[len(took)-1]},
			[]time.Duration{s.P50, s.P95, s.P99, s.Max, s.Last}, "%v", took)
		require.Equal(t, len(took), s.Count)
	}
}

// Of more steps than the log has, the quantiles are still those of all of them.
func TestQuantilesOfVeryManyStepsAreWithinTheStatedError(t *testing.T) {
	for name, draw := range map[string]func(*rand.Rand) time.Duration{
		"from 1 ns to 3 s": func(r *rand.Rand) time.Duration { return time.Duration(math.Exp(r.Float64() * 22)) },
		"two modes":        func(r *rand.Rand) time.Duration { return time.Duration(1+r.IntN(2)*299) * ms },
		"all alike":        func(*rand.Rand) time.Duration { return 12345 },
		"a few very slow":  func(r *rand.Rand) time.Duration { return time.Duration(1e6 / (r.Float64() + 1e-6)) },
	} {
		r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // times, no secrets
		took := make([]time.Duration, 5*maxLogged+17)
		for i := range took {
			took[i] = draw(r)
		}
		s := logOf(stepsOf(took...)).Latency(nil, Evidence{})
		sorted := slices.Sorted(slices.Values(took))
		for share, got := range map[float64]time.Duration{0.5: s.P50, 0.95: s.P95, 0.99: s.P99} {
			want := sorted[int(math.Ceil(share*float64(len(took))-1e-6))-1]
			require.InEpsilon(t, float64(want), float64(got), 0.004, "%s: p%v", name, 100*share)
		}
		require.Equal(t, slices.Max(took), s.Max, name)
		require.Equal(t, took[len(took)-1], s.Last, name)
		require.Equal(t, len(took), s.Count, name)
	}
}

// The timeouts are the slowest of all, and more than the log keeps of these.
func TestTheSlowestStepIsKnownBehindManyTimeouts(t *testing.T) {
	var l StepLog
	for n := range 2 * maxLogged {
		s := StepTime{N: n + 1, Took: ms, Answer: AnswerOK}
		switch {
		case n == maxLogged/3:
			s.Took = 5 * ms
		case n%40 == 0:
			s.Took, s.Answer = time.Second, AnswerTimeout
		}
		l.Add(s)
	}
	require.Equal(t, 5*ms, l.Latency(nil, Evidence{}).Max)
}

func TestAHistogramsPartIsWithinItsError(t *testing.T) {
	for _, v := range []uint64{0, 1, 127, 128, 255, 256, 257, 511, 512, 1000, 1e6, 1e6 + 1, 1e9, 1 << 40, math.MaxInt64} {
		require.InDelta(t, float64(v), float64(middle(partOf(v))), 0.004*float64(v), v)
	}
	last := -1
	for shift := range 63 {
		for _, v := range []uint64{1 << shift, 1<<shift + 1<<shift/2, 1<<(shift+1) - 1} {
			require.GreaterOrEqual(t, partOf(v), last, v)
			last = partOf(v)
		}
	}
	require.Less(t, last, len(new(histogram).counts))
}

func repeated(n int, took ...time.Duration) []time.Duration { return slices.Repeat(took, n) }

func TestWhereTheLatencyDoubled(t *testing.T) {
	for name, c := range map[string]struct {
		took []time.Duration
		want int // the step; 0 is none
	}{
		"never":                        {repeated(40, 10*ms, 11*ms, 9*ms), 0},
		"too few steps":                {[]time.Duration{ms, ms, ms, 9 * ms, 9 * ms}, 0},
		"the last three of six":        {[]time.Duration{ms, ms, ms, 2 * ms, 9 * ms, 20 * ms}, 4},
		"not quite":                    {append(repeated(20, 10*ms), repeated(20, 19*ms)...), 0},
		"just":                         {append(repeated(20, 10*ms), repeated(20, 20*ms)...), 21},
		"the last one alone":           {append(repeated(20, 10*ms), 300*ms), 0},
		"a slow begin":                 {append(repeated(4, 90*ms), repeated(30, 10*ms)...), 0},
		"a slow begin, and a slow end": {slices.Concat(repeated(4, 90*ms), repeated(30, 10*ms), repeated(5, 50*ms)), 35},
		"a slow one each ten":          {repeated(9, 90*ms, 10*ms, 10*ms, 10*ms, 10*ms, 10*ms, 10*ms, 10*ms, 10*ms, 10*ms), 0},
		"a slow while in between":      {slices.Concat(repeated(30, 10*ms), repeated(9, 90*ms), repeated(30, 10*ms)), 0},
		"a slow one shortly before":    {slices.Concat(repeated(20, 10*ms), repeated(1, 30*ms, 10*ms, 10*ms), repeated(6, 50*ms)), 24},
		"it went on rising":            {slices.Concat(repeated(30, 10*ms), repeated(10, 15*ms), repeated(10, 40*ms), repeated(10, 900*ms)), 41},
		"before the half was over":     {slices.Concat(repeated(30, 10*ms), repeated(70, 40*ms)), 31},
		"before a quarter was over":    {slices.Concat(repeated(20, 10*ms), repeated(80, 40*ms)), 0},
		"slow from a third on":         {slices.Concat(repeated(35, 10*ms), repeated(60, 40*ms)), 36},
		"no time at all":               {repeated(50, 0), 0},
	} {
		t.Run(name, func(t *testing.T) {
			steps := stepsOf(c.took...)
			var timeline Timeline
			for i, s := range steps {
				timeline = append(timeline, Sample{At: s.Begin, Step: i, Current: Bytes(i+1) * MiB})
			}
			s := logOf(steps).Latency(timeline, Evidence{Limits: Limits{Max: 200 * MiB}})
			if c.want == 0 {
				require.Nil(t, s.Doubled)
				return
			}
			require.Equal(t, &Doubling{Step: c.want, At: steps[c.want-1].Begin, Current: Bytes(c.want) * MiB, Limit: 200 * MiB}, s.Doubled)
		})
	}
}

// Steps of which the log has a part are still found where they doubled, within that part.
func TestTheLatencyOfVeryManyStepsDoublesWhereItDoes(t *testing.T) {
	took := append(repeated(4*maxLogged, ms), repeated(maxLogged, 3*ms)...)
	took[9], took[3*maxLogged] = time.Second, time.Second
	s := logOf(stepsOf(took...)).Latency(nil, Evidence{})
	require.NotNil(t, s.Doubled)
	require.InDelta(t, 4*maxLogged+1, s.Doubled.Step, 8)
}

func TestTheLimitThatCountsIsTheOneOfThatTime(t *testing.T) {
	e := Evidence{Cage: "/c", Limits: Limits{Max: 10 * MiB}, LimitChanges: []LimitChange{
		{At: 5 * ms, Group: "/c", File: "memory.high", To: 1}, {At: 5 * ms, Group: "/up", File: "memory.max", To: 2},
		{At: 9 * ms, Group: "/c", File: "memory.max", To: 20 * MiB}, {At: 15 * ms, Group: "/c", File: "memory.max", To: Unlimited},
	}}
	for at, want := range map[time.Duration]Bytes{0: 10 * MiB, 8 * ms: 10 * MiB, 9 * ms: 20 * MiB, 20 * ms: 0} {
		require.Equal(t, want, e.maxAt(at), at)
	}
	require.Equal(t, "doubled at 50 % of memory.max", (&Doubling{Current: 5 * MiB, Limit: 10 * MiB}).String())
	require.Equal(t, "doubled at 5.0 MiB", (&Doubling{Current: 5 * MiB}).String())
}

func TestTheFillIsThatOfTheLastSampleBefore(t *testing.T) {
	timeline := Timeline{{At: 10, Current: 1}, {At: 20, Current: 2}, {At: 30, Current: 3}}
	for at, want := range map[time.Duration]Bytes{0: 1, 10: 1, 19: 1, 20: 2, 29: 2, 30: 3, 99: 3} {
		require.Equal(t, want, timeline.currentAt(at), at)
	}
	require.Zero(t, Timeline(nil).currentAt(1))
}

func TestFailedStepsAreCountedByKindAndNotByTime(t *testing.T) {
	steps := stepsOf(ms, 2*ms, 900*ms, 3*ms, 5*time.Second)
	steps[2].Answer, steps[4].Answer = HTTPAnswer(503), AnswerEOF
	s := logOf(steps).Latency(nil, Evidence{})
	require.Equal(t, &Latency{Count: 3, P50: 2 * ms, P95: 3 * ms, P99: 3 * ms, Max: 3 * ms, Last: 3 * ms, PerSecond: 3 / 0.909, Failed: map[Answer]int{"http 503": 1, AnswerEOF: 1}}, s)
	require.Equal(t, "p50 2.0 ms, p95 3.0 ms, p99 3.0 ms; the last before the end 3.0 ms; 3.3 steps/s; not acknowledged: 1 eof, 1 http 503", s.String())
	require.Nil(t, new(StepLog).Latency(nil, Evidence{}))
	require.Equal(t, "not acknowledged: 1 refused", logOf(StepTimes{{1, 1, 1, AnswerRefused}}).Latency(nil, Evidence{}).String())
}

// An outcome has both, and a summary only the figures.
func TestAnOutcomeHasTheTimesOfItsSteps(t *testing.T) {
	took := append(repeated(100, 2*ms), repeated(20, 310*ms)...)
	l := logOf(stepsOf(took...))
	o := killedOutcome("timed")
	o.Latency, o.StepTimes = l.Latency(Timeline{{Current: 55574528}}, Evidence{Limits: Limits{Max: 64 * MiB}}), l.Times()
	require.Contains(t, o.String(), "\n  latency    p50 2.0 ms, p95 310 ms, p99 310 ms; the last before the end 310 ms; doubled at 83 % of memory.max; 18 steps/s\n")
	line, err := json.Marshal(o)
	require.NoError(t, err)
	back, err := ParseOutcome(line)
	require.NoError(t, err)
	require.Equal(t, o.Latency, back.Latency)
	require.Equal(t, o.StepTimes, back.StepTimes)
	summary, err := ParseSummary(line)
	require.NoError(t, err)
	require.Nil(t, summary.StepTimes)
	require.Equal(t, o.Latency, summary.Latency)
	o.Latency, o.StepTimes = nil, nil
	line, err = json.Marshal(o)
	require.NoError(t, err)
	require.NotContains(t, string(line), "latency")
	require.NotContains(t, string(line), "step_times")
	require.NotContains(t, o.String(), "latency")
}

func TestARateIsReadWithEase(t *testing.T) {
	for perSecond, want := range map[float64]string{203.4: "203", 12345: "12345", 2.54: "2.5", 0.04: "0.04", 0: "0.00"} {
		require.Equal(t, want, rate(perSecond))
	}
}
