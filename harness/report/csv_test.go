package report

import (
	"bytes"
	"encoding/csv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

func TestTheTimesOfStepsAreColumns(t *testing.T) {
	last := []*outcome.Outcome{
		{Name: "a", Verdict: outcome.Exited},
		{Name: "b", Verdict: outcome.OOMKilled, Latency: &outcome.Latency{
			Count: 9, P50: 1500 * time.Microsecond, P95: time.Second, P99: 2 * time.Second, Max: 3 * time.Second, Last: 310 * time.Millisecond, PerSecond: 203.4567,
			Doubled: &outcome.Doubling{Current: 123456, Limit: 200000}, Failed: map[outcome.Answer]int{outcome.AnswerEOF: 1, "http 503": 2},
		}},
		{Name: "c", Verdict: outcome.Inconclusive, Latency: &outcome.Latency{Failed: map[outcome.Answer]int{outcome.AnswerRefused: 1}}},
	}
	var text bytes.Buffer
	require.NoError(t, Write(&text, NewSet(last), CSV))
	lines, err := csv.NewReader(&text).ReadAll()
	require.NoError(t, err)
	values := map[string]map[string]string{}
	for _, line := range lines[1:] {
		values[line[0]] = map[string]string{}
		for i, name := range lines[0] {
			values[line[0]][name] = line[i]
		}
	}
	for i, name := range []string{"step_p50_seconds", "step_p95_seconds", "step_p99_seconds", "step_last_seconds", "steps_per_second", "doubled_at_bytes", "steps_failed"} {
		require.Empty(t, values["a"][name], name)
		require.Equal(t, []string{"0.001500", "1.000000", "2.000000", "0.310000", "203.457", "123456", "3"}[i], values["b"][name], name)
		require.Equal(t, []string{"", "", "", "", "", "", "1"}[i], values["c"][name], name)
	}
}
