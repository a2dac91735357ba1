package harness

import (
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

func TestATimelineStaysBoundedAndKeepsTheEndOfEachStep(t *testing.T) {
	var tl timeline
	for step := range 100 {
		for i := range 100 {
			if len(tl.samples) >= maxSamples {
				tl.thin()
			}
			tl.samples = append(tl.samples, outcome.Sample{Step: step, Current: Bytes(i)})
		}
	}
	require.LessOrEqual(t, len(tl.samples), maxSamples)
	require.Greater(t, len(tl.samples), maxSamples/4)
	ends := map[int]Bytes{}
	for _, s := range tl.samples {
		ends[s.Step] = s.Current
	}
	require.Len(t, ends, 100)
	for step, current := range ends {
		require.Equal(t, Bytes(99), current, "step %d", step)
	}
}

func TestATimelineOfMoreStepsThanSamplesStaysBounded(t *testing.T) {
	var tl timeline
	for step := range 10 * maxSamples {
		if len(tl.samples) >= maxSamples {
			tl.thin()
		}
		tl.samples = append(tl.samples, outcome.Sample{Step: step})
	}
	require.LessOrEqual(t, len(tl.samples), maxSamples)
	require.Greater(t, len(tl.samples), maxSamples/4)
	require.Equal(t, 10*maxSamples-1, tl.samples[len(tl.samples)-1].Step)
}
