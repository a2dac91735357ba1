package harness

import (
	"fmt"

	"github.com/stretchr/testify/require"
)

// The assertions take require.TestingT, which *testing.T and a suite's T() both are. A failure
// prints the whole outcome in a readable form and ends the test.

// RequireVerdict asserts how the run ended.
func (o *Outcome) RequireVerdict(t require.TestingT, want Verdict) {
	helper(t)
	if o.Verdict != want {
		o.fail(t, fmt.Sprintf("the verdict is %s, not %s", o.Verdict, want))
	}
}

// RequireAcknowledged asserts that the target acknowledged at least lo and at most hi steps.
func (o *Outcome) RequireAcknowledged(t require.TestingT, lo, hi int) {
	helper(t)
	if !(Window{lo, hi}).Contains(o.Acknowledged) {
		o.fail(t, fmt.Sprintf("%d steps were acknowledged, not %s", o.Acknowledged, Window{lo, hi}))
	}
}

// RequirePredicted asserts that the number of acknowledged steps lies in the predicted window,
// and that there is one.
func (o *Outcome) RequirePredicted(t require.TestingT) {
	helper(t)
	if o.Window == nil {
		o.fail(t, "there is no prediction: it needs a ready target, Limits.Max and Load.Bytes")
		return
	}
	if !o.Window.Contains(o.Acknowledged) {
		o.fail(t, fmt.Sprintf("%d steps were acknowledged, and %s were predicted", o.Acknowledged, o.Window))
	}
}

// RequireOOMKills asserts how many processes in the cage an OOM killer has killed during the
// run, by the oom_kill of memory.events.
func (o *Outcome) RequireOOMKills(t require.TestingT, n int) {
	helper(t)
	if kills := o.Evidence.Events.OOMKill; n < 0 || kills != uint64(n) {
		o.fail(t, fmt.Sprintf("memory.events counts oom_kill %d, not %d", kills, n))
	}
}

func (o *Outcome) fail(t require.TestingT, message string) {
	helper(t)
	require.Fail(t, message, "%s", o)
}

func helper(t require.TestingT) {
	if h, ok := t.(interface{ Helper() }); ok {
		h.Helper()
	}
}
