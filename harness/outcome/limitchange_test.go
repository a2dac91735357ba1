package outcome

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheSentenceHasTheLimitInForceAndThatItChanged(t *testing.T) {
	e := Evidence{Cage: "/up/cage", Limits: Limits{Max: 50}, Peak: 190, LimitChanges: []LimitChange{
		{2 * time.Second, "/up", "memory.max", Unlimited, 70, false},
		{3 * time.Second, "/up/cage", "memory.max", 50, 100, false}, {3 * time.Second, "/up/cage", "memory.max", 100, 199, false},
	}}
	require.Equal(t, "; memory.max of /up was changed during the run, from max to 70 B, seen after 2s"+
		"; memory.max was changed during the run, 2 times, from 50 B to 199 B, seen after 3s", e.changes())
	require.Equal(t, "190 of 199 B", fullness(e))
	e.LimitChanges = []LimitChange{{Group: "/up/cage", File: "memory.max", From: 50, To: Unlimited}}
	require.Equal(t, "190 B, no memory.max", fullness(e))
	e.LimitChanges[0].To = 0
	require.Equal(t, "190 of 0 B", fullness(e))
	require.Empty(t, Evidence{}.changes())
}
