package report

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness"
)

func TestTheTableAndThePageSayWhereAStepTookAnotherSizeThanDeclared(t *testing.T) {
	made := func(declared, step harness.Bytes) *harness.Outcome {
		return &harness.Outcome{
			Name: "max=1GiB", Spec: harness.Spec{Load: harness.Load{Bytes: declared}}, Verdict: harness.Survived,
			Acknowledged: 40, Attempted: 40, Baseline: harness.Baseline{Current: 8 * harness.MiB, PageSize: 4096, CPUs: 2},
			Measured: &harness.Measured{Step: step, Error: harness.KiB, Steps: 40},
		}
	}
	for want, o := range map[string]*harness.Outcome{
		"20 MiB":             made(20*harness.MiB, 20*harness.MiB),
		"40 MiB, not 20 MiB": made(20*harness.MiB, 40*harness.MiB),
		"-4 KiB, not 20 MiB": made(20*harness.MiB, -4*harness.KiB),
		"5 MiB":              made(0, 5*harness.MiB),
		"nothing?":           made(0, 0),
		"":                   {},
	} {
		require.Equal(t, want, tookEach(o))
	}
	differs := made(20*harness.MiB, 40*harness.MiB)
	var table bytes.Buffer
	require.NoError(t, Write(&table, NewSet([]*harness.Outcome{differs}), Table))
	require.Contains(t, table.String(), "40 MiB, not 20 MiB")
	require.Contains(t, facts(differs, 1000), [2]string{"a step took", "40 MiB, not 20 MiB, ± 1 KiB, measured over 40 steps"})
}
