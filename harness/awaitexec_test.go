package harness

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAStartedTargetHasMemoryOfItsOwn(t *testing.T) {
	c := NewCageT(t, Limits{})
	for range 20 {
		p, err := c.Start(t.Context(), as(t, "idle"))
		require.NoError(t, err)
		done, err := executed(p.PID())
		require.NoError(t, err)
		require.True(t, done, "the harness would share its oom_score_adj and its OOM kill")
		require.NoError(t, p.end(t.Context()))
	}
}

func TestAProcessThatIsGoneWaitsForNoExecution(t *testing.T) {
	const none = 1 << 30 // above PID_MAX_LIMIT
	require.NoError(t, awaitExec(t.Context(), none))
}
