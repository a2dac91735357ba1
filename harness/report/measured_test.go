package report

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

func TestTheTableAndThePageSayWhereAStepTookAnotherSizeThanDeclared(t *testing.T) {
	made := func(declared, step outcome.Bytes) *outcome.Outcome {
		return &outcome.Outcome{
			Name: "max=1GiB", Spec: outcome.Spec{Load: outcome.Load{Bytes: declared}}, Verdict: outcome.Survived,
			Acknowledged: 40, Attempted: 40, Baseline: outcome.Baseline{Current: 8 * outcome.MiB, PageSize: 4096, CPUs: 2},
			Measured: &outcome.Measured{Step: step, Error: outcome.KiB, Steps: 40},
		}
	}
	for want, o := range map[string]*outcome.Outcome{
		"20 MiB":             made(20*outcome.MiB, 20*outcome.MiB),
		"40 MiB, not 20 MiB": made(20*outcome.MiB, 40*outcome.MiB),
		"-4 KiB, not 20 MiB": made(20*outcome.MiB, -4*outcome.KiB),
		"5 MiB":              made(0, 5*outcome.MiB),
		"nothing?":           made(0, 0),
		"":                   {},
	} {
		require.Equal(t, want, tookEach(o))
	}
	vague := made(20*outcome.MiB, 7*outcome.MiB)
	vague.Measured.Error = 112 * outcome.MiB
	require.Equal(t, "at most 119 MiB", tookEach(vague))
	require.Contains(t, facts(vague, 1000), []string{"a step took", "at most 119 MiB, measured over 40 steps"})
	differs := made(20*outcome.MiB, 40*outcome.MiB)
	var table bytes.Buffer
	require.NoError(t, Write(&table, NewSet([]*outcome.Outcome{differs}), Table))
	require.Contains(t, table.String(), "40 MiB, not 20 MiB")
	require.Contains(t, facts(differs, 1000), []string{"a step took", "40 MiB, not 20 MiB, ± 1 KiB, measured over 40 steps"})
}
