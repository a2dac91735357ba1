package sweep

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

func TestTheAnswerIsInTheOutcomes(t *testing.T) {
	var all []*outcome.Outcome
	add := func(axis string, limit outcome.Bytes, runs, survived int) {
		for i := range runs {
			o := &outcome.Outcome{Name: fmt.Sprintf("max=%dMiB%s/repeat=%d", limit, axis, i+1), Verdict: outcome.OOMKilled, Peak: limit * outcome.MiB}
			o.Spec.Limits.Max = limit * outcome.MiB
			if i < survived {
				o.Verdict, o.Peak = outcome.Survived, 22*outcome.MiB
			}
			all = append(all, o)
		}
	}
	add("/GOGC=50", 554, 1, 1)
	add("/GOGC=50", 25, 18, 18)
	add("/GOGC=50", 24, 15, 14)
	add("/GOGC=50", 20, 15, 0)
	add("/GOGC=50", 21, 3, 1)
	add("/GOGC=50", 26, 3, 3)
	add("/GOGC=100", 554, 3, 1)
	add("/GOGC=200", 554, 1, 1)
	answers := AnswersOf(all, Search{})
	require.Len(t, answers, 3)
	a := answers[0]
	require.Equal(t, "GOGC=50", a.Name)
	require.Equal(t, 25*outcome.MiB, a.Max)
	require.Equal(t, Border{Lo: 20 * outcome.MiB, Hi: 25 * outcome.MiB, Sure: wilson(18, 18)}, *a.Border)
	require.Equal(t, "24MiB: 14 of 15", a.Below().String())
	require.Equal(t, 30*outcome.MiB, a.Advise(all[0].Spec, Criteria{}, 0.2, "").Limit)
	require.Equal(t, "GOGC=100", answers[1].Name)
	require.Zero(t, answers[1].Max, "not even the upper end")
	require.Equal(t, []bool{false, false, true}, []bool{answers[0].Unfinished, answers[1].Unfinished, answers[2].Unfinished}, "one run is no answer")
	require.Equal(t, 554*outcome.MiB, answers[2].Max, "so far")
	for what, s := range map[string]Search{
		"more repeats":       {Grid: Grid{Repeat: 4}},
		"more of the border": {Confirm: 19},
		"a higher end":       {Hi: outcome.GiB},
		"what is well":       {Criteria: Criteria{Latency: Quantile{"p99", time.Second}}},
	} {
		require.True(t, AnswersOf(all, s)[0].Unfinished, what)
	}
	require.False(t, AnswersOf(all, Search{Lo: 20 * outcome.MiB, Hi: 554 * outcome.MiB, Tolerance: outcome.MiB})[0].Unfinished)

	well := AnswersOf(all, Search{Criteria: Criteria{Latency: Quantile{"p99", time.Second}}})
	require.Equal(t, 25*outcome.MiB, well[0].Max)
	require.Zero(t, well[0].Well, "no run has times of steps")
}

// Whatever order the runs are read in: those of a file are sorted by their names.
func TestTheRunsOfASearchThatCameToItsEndSaySo(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for i := range 100 {
		s := Search{Hi: outcome.GiB, Confirm: []int{0, 3, 30}[i%3]}
		if i%2 == 0 {
			s.Criteria.Pressure = 0.5
		}
		runs := SearchedByOdds(t, s, 200*outcome.MiB, sCurve(200*outcome.MiB+outcome.Bytes(i), outcome.Bytes(i%20+1)*outcome.MiB), random)
		whole := AnswersOf(runs, s)
		require.Len(t, whole, 1)
		require.False(t, whole[0].Unfinished, "%v", whole[0].Trials)
		s.Hi = 0
		slices.Reverse(runs)
		require.Equal(t, whole[0].Max, AnswersOf(runs, s)[0].Max)
		require.False(t, AnswersOf(runs, s)[0].Unfinished)
		lacks := slices.DeleteFunc(slices.Clone(runs), func(o *outcome.Outcome) bool { return o.Spec.Limits.Max == whole[0].Below().Max })
		require.True(t, AnswersOf(lacks, s)[0].Unfinished, "without the limit below")
	}
}

func TestACommandSaysWhatItsSearchAskedFor(t *testing.T) {
	pages := uint64(1000)
	for command, want := range map[string]struct {
		search   Search
		headroom float64
		ok       bool
	}{
		"oomcage bisect --post /x --steps 6 -- ./service --headroom 50%": {Search{}, 0.2, true},
		"oomcage bisect --headroom 10% --max-latency p99=5s --max-pressure 50% --max-refaults 1000 --min-throughput 0.1/s -- ./service": {
			Search{Criteria: Criteria{Quantile{"p99", 5 * time.Second}, 0.5, &pages, 0.1}}, 0.1, true},
		"oomcage bisect --confirm 4 --hi 256MiB --lo 4MiB --repeat 2 --tolerance 512KiB -- ./service": {
			Search{Lo: 4 * outcome.MiB, Hi: 256 * outcome.MiB, Tolerance: 512 * outcome.KiB, Confirm: 4, Grid: Grid{Repeat: 2}}, 0.2, true},
		`oomcage bisect --exec 'sh -c "x -- y"' --headroom 50% --max-latency p99=5s -- ./s`: {Search{Criteria: Criteria{Latency: Quantile{"p99", 5 * time.Second}}}, 0.5, true},
		"oomcage bisect --body 'it'\\''s --headroom 30%' -- ./s":                            {Search{}, 0.2, true},
		"oomcage bisect --hi max --lo -4MiB --repeat -1 --headroom 'a":                      {Search{}, 0.2, true},
		"oomcage bisect --headroom":                                                         {Search{}, 0.2, true},
		"oomcage sweep --headroom 10% -- ./service":                                         {Search{}, 0, false},
		"": {},
	} {
		s, headroom, ok := BisectCommand(command)
		require.Equal(t, want.search, s, command)
		require.InDelta(t, want.headroom, headroom, 0, command)
		require.Equal(t, want.ok, ok, command)
	}
}
