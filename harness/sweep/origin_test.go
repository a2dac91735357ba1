//go:build linux

package sweep

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness"
	"oomcage/harness/outcome"
)

func TestAnOutcomeSaysWhichSweepItIsFrom(t *testing.T) {
	harness.NewCageT(t, harness.Limits{}) // skips where there are none
	points, err := Grid{
		Spec: outcome.Spec{Target: outcome.Target{Path: os.Args[0], Args: []string{"-test.run=^$"}}},
		Axes: mustAxes(t, "max=64MiB,96MiB,128MiB"),
	}.Points()
	require.NoError(t, err)
	command := []string{"oomcage", "sweep", "--max", "64 MiB"}
	outcomes, err := Run(t.Context(), points, Options{Command: command, Shard: Shard{0, 2}})
	require.NoError(t, err)
	require.Len(t, outcomes, 2)
	for _, o := range outcomes {
		require.Equal(t, "oomcage sweep --max '64 MiB'", o.Origin.Command)
		require.Equal(t, 3, o.Origin.Points, "with those of the other shard")
		require.Equal(t, outcomes[0].Origin, o.Origin)
	}
	outcomes, err = Run(t.Context(), points[:1], Options{})
	require.NoError(t, err)
	require.Equal(t, 1, outcomes[0].Origin.Points)
	require.Empty(t, outcomes[0].Origin.Command)
}

func TestAnOriginSaysWhereItWasMadeAndByWhat(t *testing.T) {
	t.Setenv("OOMCAGE_VM", "6.12")
	o := NewOrigin([]string{"oomcage", "sweep", "--max", "64 MiB"}, 24)
	require.Equal(t, "oomcage sweep --max '64 MiB'", o.Command)
	require.Equal(t, 24, o.Points)
	require.WithinDuration(t, time.Now(), o.Start, time.Minute)
	require.NotEmpty(t, o.Kernel)
	require.NotContains(t, o.Kernel, "\n")
	require.Positive(t, o.CPUs)
	require.Greater(t, o.Memory, 16*outcome.MiB)
	require.True(t, o.MicroVM)

	data, err := json.Marshal(o)
	require.NoError(t, err)
	var back outcome.Origin
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, o, back)
}
