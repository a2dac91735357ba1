package harness

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/printable"
)

// The assertions take require.TestingT, which *testing.T and a suite's T() both are. A failure
// ends the test. The whole outcome is printed once: by the assertion, or for an outcome of RunT
// when the test ends.

// testHelper is what marks the caller as no part of the test: *testing.T and *testing.B.
type testHelper interface{ Helper() }

// RequireVerdict asserts how the run ended.
func (o *Outcome) RequireVerdict(t require.TestingT, want Verdict) {
	if h, ok := t.(testHelper); ok {
		h.Helper()
	}
	if o.Verdict != want {
		o.fail(t, fmt.Sprintf("the verdict is %s, not %s", o.Verdict, want))
	}
}

// RequireAcknowledged asserts that the target acknowledged at least lo and at most hi steps.
func (o *Outcome) RequireAcknowledged(t require.TestingT, lo, hi int) {
	if h, ok := t.(testHelper); ok {
		h.Helper()
	}
	if !(Window{lo, hi}).Contains(o.Acknowledged) {
		o.fail(t, fmt.Sprintf("%d steps were acknowledged, not %s", o.Acknowledged, Window{lo, hi}))
	}
}

// RequirePredicted asserts that there is a predicted window and that the number of acknowledged
// steps lies in it: up to the first OOM kill in the cage, which may be a child's, as AsPredicted has it. It says nothing
// about the verdict.
func (o *Outcome) RequirePredicted(t require.TestingT) {
	if h, ok := t.(testHelper); ok {
		h.Helper()
	}
	if o.Window == nil {
		o.fail(t, "there is no prediction: it needs a ready target, Limits.Max and Load.Bytes")
		return
	}
	if missed := o.AsPredicted(); missed != "" {
		o.fail(t, missed)
	}
}

// RequireOOMKills asserts how many processes in the cage an OOM killer has killed during the
// run, by the oom_kill of memory.events.
func (o *Outcome) RequireOOMKills(t require.TestingT, n int) {
	if h, ok := t.(testHelper); ok {
		h.Helper()
	}
	if kills := o.Evidence.Events.OOMKill; n < 0 || kills != uint64(n) {
		o.fail(t, fmt.Sprintf("memory.events counts oom_kill %d, not %d", kills, n))
	}
}

// fail ends the test with the message and the verdict's reason. The whole outcome comes with it
// unless RunT prints it when the test ends.
func (o *Outcome) fail(t require.TestingT, message string) {
	if h, ok := t.(testHelper); ok {
		h.Helper()
	}
	if willBePrinted(o) {
		require.Fail(t, message, "%s: %s", o.Verdict, printable.Line(o.Why))
		return
	}
	require.Fail(t, message, "%s", o)
}
