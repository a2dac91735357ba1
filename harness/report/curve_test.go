package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// livedAt is a run that survived, with what that cost.
func livedAt(name string, limit outcome.Bytes, p99, waited time.Duration) *outcome.Outcome {
	o := &outcome.Outcome{Name: fmt.Sprintf("max=%v%s", limit, name), Verdict: outcome.Survived, Took: 10 * time.Second, Latency: &outcome.Latency{Count: 9, P99: p99}}
	o.Evidence.Limits.Max, o.Evidence.Pressure.Some = limit, waited
	return o
}

func TestThePageShowsWhatItCostsToLive(t *testing.T) {
	killed := livedAt("/repeat=9", 63*outcome.MiB, time.Hour, time.Hour)
	killed.Verdict = outcome.OOMKilled
	var page bytes.Buffer
	require.NoError(t, Write(&page, NewSet([]*outcome.Outcome{
		killed,
		livedAt("/repeat=1", 64*outcome.MiB, 300*time.Millisecond, 2*time.Second), livedAt("/repeat=2", 64*outcome.MiB, 500*time.Millisecond, 4*time.Second),
		livedAt("/repeat=3", 64*outcome.MiB, 400*time.Millisecond, 3*time.Second), livedAt("/repeat=1", 128*outcome.MiB, 2*time.Millisecond, 0),
	}), HTML))
	text := page.String()
	require.Contains(t, text, "What it costs to live")
	require.Contains(t, text, "<title>all at 64 MiB: 400 ms</title>", "the middle one of three")
	require.Contains(t, text, "<title>all at 64 MiB: 30 %</title>")
	require.Contains(t, text, "<title>all at 128 MiB: 2.0 ms</title>")
	require.NotContains(t, text, "63 MiB: 3600", "what died has not lived")
	require.Equal(t, 2, strings.Count(text, `class="plot" role="img"`))
}

func TestWhatCostNothingHasNoCurve(t *testing.T) {
	for name, outcomes := range map[string][]*outcome.Outcome{
		"one limit":  {livedAt("", 64*outcome.MiB, time.Second, time.Second)},
		"no costs":   {livedAt("", 64*outcome.MiB, 0, 0), livedAt("", 128*outcome.MiB, 0, 0)},
		"two series": {livedAt("/GOGC=1", 64*outcome.MiB, time.Second, time.Second), livedAt("/GOGC=2", 128*outcome.MiB, time.Second, time.Second)},
	} {
		require.Empty(t, NewSet(outcomes).curves(), name)
	}
}

func TestAPlotHasNoMoreSeriesThanItTellsApart(t *testing.T) {
	var all []*outcome.Outcome
	for i := range 7 {
		name := fmt.Sprintf("/GOGC=<b>%d", i)
		all = append(all, livedAt(name, 64*outcome.MiB, time.Second, time.Second), livedAt(name, 128*outcome.MiB, time.Second, time.Second))
	}
	all = append(all, livedAt("/GOGC=<b>6", 256*outcome.MiB, time.Second, time.Second))
	plots := NewSet(all).curves()
	require.Len(t, plots, 2)
	for _, p := range plots {
		require.Equal(t, maxCurves, strings.Count(string(p), `class="path`))
		require.Contains(t, string(p), "6 at 256 MiB", "the series with the most limits")
		require.NotContains(t, string(p), "<b>")
	}
}
