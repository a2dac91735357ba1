package sweep

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness"
)

// refusedAt is an outcome whose first step was refused by a target that lives.
func refusedAt(limit harness.Bytes) *harness.Outcome {
	o := survivedAt(limit, 0)
	o.Attempted, o.Error = 1, "step 1: POST /no-such-path: 404 Not Found"
	o.Judge()
	return o
}

// endedAt is an outcome of three steps with that evidence, judged.
func endedAt(limit harness.Bytes, change func(e *harness.Evidence)) *harness.Outcome {
	o := survivedAt(limit, 3)
	o.Attempted = 4
	change(&o.Evidence)
	o.Judge()
	return o
}

func timeUp(e *harness.Evidence) { e.TimedOut = true }

func sigkilled(e *harness.Evidence) {
	e.Status = harness.Status{Ended: true, Code: -1, Signal: "SIGKILL"}
}

func killedByAncestor(e *harness.Evidence) {
	sigkilled(e)
	e.Events.OOMKill, e.EventsLocal.OOMKill = 1, 1
	e.Ancestors = []harness.Ancestor{{Path: "/oomcage", Max: 200 * harness.MiB, EventsLocal: harness.Events{OOM: 1}}}
}

func killedByHost(e *harness.Evidence) {
	killedByAncestor(e)
	e.Ancestors = nil
}

func texts(found []Finding) []string {
	var all []string
	for _, f := range found {
		all = append(all, f.String())
	}
	return all
}

func TestASweepWhoseLoadIsAlwaysRefusedHasMeasuredNothing(t *testing.T) {
	all := []*harness.Outcome{refusedAt(64 * harness.MiB), refusedAt(96 * harness.MiB), refusedAt(128 * harness.MiB)}
	require.Equal(t, []Finding{{"load", []string{"max=64MiB", "max=96MiB", "max=128MiB"},
		"nothing was measured at 3 of 3 points: the load failed while the target lived; the first, max=64MiB: step 1: POST /no-such-path: 404 Not Found"}}, Check(all))
}

func TestALoadThatOnlyTheLowestLimitsRefuseIsNoFault(t *testing.T) {
	require.Empty(t, Check([]*harness.Outcome{refusedAt(64 * harness.MiB), survivedAt(96*harness.MiB, 3)}))
	require.NotEmpty(t, Check([]*harness.Outcome{survivedAt(96*harness.MiB, 3), refusedAt(128 * harness.MiB)}))
}

func TestAProbeThatNeverSucceedsHasMeasuredNothing(t *testing.T) {
	o := survivedAt(64*harness.MiB, 0)
	o.Error = "GET /ping: connection refused"
	o.Evidence.Ready, o.Evidence.TimedOut = false, true
	o.Judge()
	require.Equal(t, harness.TimedOut, o.Verdict)
	require.Equal(t, []string{"load: nothing was measured at 1 of 1 points: the load failed while the target lived; the first, max=64MiB: GET /ping: connection refused"}, texts(Check([]*harness.Outcome{o})))
}

func TestAProgramThatCannotBeStartedAnywhereHasMeasuredNothing(t *testing.T) {
	early := func(limit harness.Bytes) *harness.Outcome {
		o := exitedAt(limit, 2)
		o.Evidence.Ready = false
		o.Judge()
		return o
	}
	require.Equal(t, []string{"load: nothing was measured at any of 2 points: the target always ended by itself before it was ready; the first, max=64MiB: ended by itself with exit code 2, before it was ready"},
		texts(Check([]*harness.Outcome{early(64 * harness.MiB), early(96 * harness.MiB)})))
	require.Empty(t, Check([]*harness.Outcome{early(64 * harness.MiB), survivedAt(96*harness.MiB, 5)}), "it may have ended for want of memory")
}

func TestEndsThatNeitherTheTargetNorItsOwnLimitMadeAreFound(t *testing.T) {
	for v, change := range map[harness.Verdict]func(*harness.Evidence){
		harness.AncestorOOMKilled: killedByAncestor, harness.HostOOMKilled: killedByHost, harness.Killed: sigkilled, harness.TimedOut: timeUp,
	} {
		first, second := endedAt(64*harness.MiB, change), endedAt(96*harness.MiB, change)
		require.Equal(t, v, first.Verdict)
		require.Equal(t, []Finding{{"end", []string{"max=64MiB", "max=96MiB"}, fmt.Sprintf("%s at 2 of 3 points; the first, max=64MiB: %s", v, first.Why)}},
			Check([]*harness.Outcome{first, second, survivedAt(128*harness.MiB, 5)}))
	}
}

func TestEndsThatASweepIsForAreNoFindings(t *testing.T) {
	atHigh := endedAt(64*harness.MiB, func(e *harness.Evidence) {
		e.TimedOut, e.Limits.High, e.Events.High = true, 40*harness.MiB, 812
	})
	require.Equal(t, harness.Stalled, atHigh.Verdict)
	child := endedAt(64*harness.MiB, func(e *harness.Evidence) {
		e.Events.OOMKill, e.EventsLocal.OOMKill, e.EventsLocal.OOM = 1, 1, 1
	})
	require.Equal(t, harness.ChildOOMKilled, child.Verdict)
	withoutSteps := survivedAt(64*harness.MiB, 0)
	withoutSteps.Error = "the run's time is up" // what it waited for the target's end with
	withoutSteps.Evidence.TimedOut = true
	withoutSteps.Judge()
	require.Equal(t, harness.TimedOut, withoutSteps.Verdict)
	endless := endedAt(harness.Unlimited, timeUp)
	atStart := killedAt(64*harness.MiB, 10*harness.MiB)
	atStart.Evidence.Ready, atStart.Acknowledged, atStart.Attempted, atStart.Window = false, 0, 0, nil
	atStart.Error = "GET /ping: the target ended: SIGKILL"
	atStart.Judge()
	for _, o := range []*harness.Outcome{atHigh, child, withoutSteps, endless, atStart, exitedAt(64*harness.MiB, 1), exitedAt(64*harness.MiB, 0)} {
		require.Empty(t, Check([]*harness.Outcome{o}), o.Why)
	}
}
