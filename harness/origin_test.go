package harness

import (
	"encoding/json"
	"testing"
	"time"

	"oomcage/harness/outcome"

	"github.com/stretchr/testify/require"
)

func TestAnOriginSaysWhereItWasMadeAndByWhat(t *testing.T) {
	t.Setenv("OOMCAGE_VM", "6.12")
	o := NewOrigin([]string{"oomcage", "sweep", "--max", "64 MiB"}, 24)
	require.Equal(t, "oomcage sweep --max '64 MiB'", o.Command)
	require.Equal(t, 24, o.Points)
	require.WithinDuration(t, time.Now(), o.Start, time.Minute)
	require.NotEmpty(t, o.Kernel)
	require.NotContains(t, o.Kernel, "\n")
	require.Positive(t, o.CPUs)
	require.Greater(t, o.Memory, 16*MiB)
	require.True(t, o.MicroVM)

	data, err := json.Marshal(o)
	require.NoError(t, err)
	var back outcome.Origin
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, o, back)
}
