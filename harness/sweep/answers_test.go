package sweep

import (
	"fmt"
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
	add("/GOGC=50", 20, 3, 0)
	add("/GOGC=50", 26, 3, 3)
	add("/GOGC=100", 554, 3, 1)
	answers := AnswersOf(all, Criteria{})
	require.Len(t, answers, 2)
	a := answers[0]
	require.Equal(t, "GOGC=50", a.Name)
	require.Equal(t, 25*outcome.MiB, a.Max)
	require.Equal(t, Border{Lo: 20 * outcome.MiB, Hi: 25 * outcome.MiB, Sure: wilson(18, 18)}, *a.Border)
	require.Equal(t, "24MiB: 14 of 15", a.Below().String())
	require.Equal(t, 30*outcome.MiB, a.Advise(all[0].Spec, Criteria{}, 0.2, "").Limit)
	require.Equal(t, "GOGC=100", answers[1].Name)
	require.Zero(t, answers[1].Max, "not even the upper end")

	well := AnswersOf(all, Criteria{Latency: Quantile{"p99", time.Second}})
	require.Equal(t, 25*outcome.MiB, well[0].Max)
	require.Zero(t, well[0].Well, "no run has times of steps")
}

func TestACommandSaysWhatItsSearchAskedFor(t *testing.T) {
	pages := uint64(1000)
	for command, want := range map[string]struct {
		works    Criteria
		headroom float64
		ok       bool
	}{
		"oomcage bisect --post /x --steps 6 -- ./service --headroom 50%": {Criteria{}, 0.2, true},
		"oomcage bisect --headroom 10% --max-latency p99=5s --max-pressure 50% --max-refaults 1000 --min-throughput 0.1/s -- ./service": {
			Criteria{Quantile{"p99", 5 * time.Second}, 0.5, &pages, 0.1}, 0.1, true},
		"oomcage sweep --headroom 10% -- ./service": {Criteria{}, 0, false},
		"": {},
	} {
		works, headroom, ok := BisectCommand(command)
		require.Equal(t, want.works, works, command)
		require.InDelta(t, want.headroom, headroom, 0, command)
		require.Equal(t, want.ok, ok, command)
	}
}
