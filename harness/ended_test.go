package harness

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRunningTargetsHoldNoThreads(t *testing.T) {
	const targets = 40
	c := NewCageT(t, Limits{})
	before := threads(t)
	for range targets {
		_, err := c.Start(t.Context(), as(t, "idle"))
		require.NoError(t, err)
	}
	assert.Less(t, threads(t)-before, targets/2)
}

func threads(t *testing.T) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	return len(tasks)
}
