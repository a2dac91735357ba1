package outcome

import (
	"fmt"
	"time"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/testlog"
)

// TB is what an assertion needs of a test. *testing.T and *testing.B have it. An assertion that fails ends the test, with the whole
// outcome as its message; that of harness.RunT is printed when the test ends instead.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	FailNow()
}

// RequireVerdict asserts that the run ended with this verdict.
func (o *Outcome) RequireVerdict(t TB, want Verdict) {
	t.Helper()
	if o.Verdict != want {
		o.fail(t, fmt.Sprintf("the verdict is %s, not %s", o.Verdict, want))
	}
}

// RequireAcknowledged asserts that the target acknowledged at least lo and at most hi steps.
func (o *Outcome) RequireAcknowledged(t TB, lo, hi int) {
	t.Helper()
	if !(Prediction{lo, hi}).Contains(o.Acknowledged) {
		o.fail(t, fmt.Sprintf("%s acknowledged, not %s", human.Were(o.Acknowledged, "step"), Prediction{lo, hi}))
	}
}

// RequirePredicted asserts that there is a prediction and that the number of acknowledged
// steps lies in it, up to the first OOM kill in the cage, which may be a child's; see Mispredicted. It does not look at the
// verdict.
func (o *Outcome) RequirePredicted(t TB) {
	t.Helper()
	if o.Predicted == nil {
		o.fail(t, "there is no prediction: it needs a ready target, Limits.Max and Load.Bytes")
		return
	}
	if missed := o.Mispredicted(); missed != "" {
		o.fail(t, missed)
	}
}

// RequireOOMKills asserts how many processes in the cage an OOM killer has killed during the
// run, by the oom_kill of memory.events. Of several that take memory at once the kernel may kill a second one right
// after the first: who found no memory before the first victim gave back its own passes over the dead (oom_evaluate_task in
// mm/oom_kill.c).
func (o *Outcome) RequireOOMKills(t TB, n int) {
	t.Helper()
	if kills := o.Evidence.Events.OOMKill; n < 0 || kills != uint64(n) {
		o.fail(t, fmt.Sprintf("memory.events counts oom_kill %d, not %d", kills, n))
	}
}

// RequireRecovered asserts that steps failed, and that each Outage was over within that time. It takes a load that goes on after
// failed steps (Load.Tolerate), or a target that is started again (Target.Restart).
func (o *Outcome) RequireRecovered(t TB, within time.Duration) {
	t.Helper()
	if lasting := o.Unrecovered(within); lasting != "" {
		o.fail(t, lasting)
	}
}

// RequireNoLoss asserts that the service has what it acknowledged, and nothing twice. count is how many steps it has taken by its own
// count, for which the test has asked it: at least those that were acknowledged, and at most those that were sent, in all lives of the
// target.
func (o *Outcome) RequireNoLoss(t TB, count int) {
	t.Helper()
	switch acknowledged, attempted := o.Steps(); {
	case count < acknowledged:
		o.fail(t, fmt.Sprintf("%s acknowledged, and the service has %d: it has lost %d", human.Were(acknowledged, "step"), count, acknowledged-count))
	case count > attempted:
		o.fail(t, fmt.Sprintf("%s sent, and the service has %d: it took some twice", human.Were(attempted, "step"), count))
	}
}

// RequireCleanStop asserts that the target survived its load and that Spec.Stop then made it end within its grace, with
// exit code 0 and nothing of it left running. A program that ends otherwise when it is asked to, as a JVM does with 143, fails it: see
// Expectation.
func (o *Outcome) RequireCleanStop(t TB) {
	t.Helper()
	if unclean := o.unclean(0, ""); unclean != "" {
		o.fail(t, "it was no clean stop: "+unclean)
	}
}

// fail ends the test with the message. The whole outcome comes with it, its verdict and reason first, unless RunT prints that when the
// test ends: right below.
func (o *Outcome) fail(t TB, message string) {
	t.Helper()
	if testlog.WillPrint(o) {
		t.Errorf("%s", message)
	} else {
		t.Errorf("%s\n%s", message, o)
	}
	t.FailNow()
}
