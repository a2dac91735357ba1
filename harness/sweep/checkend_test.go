package sweep

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// refusedAt is an outcome whose first step was refused by a target that lives.
func refusedAt(limit outcome.Bytes) *outcome.Outcome {
	o := survivedAt(limit, 0)
	o.Attempted, o.Error = 1, "step 1: POST /no-such-path: 404 Not Found"
	o.Verdict, o.Why = o.Judge()
	return o
}

// endedAt is an outcome of three steps with that evidence, judged.
func endedAt(limit outcome.Bytes, change func(e *outcome.Evidence)) *outcome.Outcome {
	o := survivedAt(limit, 3)
	o.Attempted = 4
	change(&o.Evidence)
	o.Verdict, o.Why = o.Judge()
	return o
}

func timeUp(e *outcome.Evidence) { e.TimedOut = true }

func sigkilled(e *outcome.Evidence) {
	e.Status = outcome.ExitStatus{Ended: true, Code: -1, Signal: "SIGKILL"}
}

func outOfItsMemory(e *outcome.Evidence) {
	e.Status = outcome.ExitStatus{Ended: true, Code: 1}
	e.LastWords = &outcome.RuntimeEnd{Runtime: "Python", Words: "MemoryError"}
}

func killedByAncestor(e *outcome.Evidence) {
	sigkilled(e)
	e.Events.OOMKill, e.EventsLocal.OOMKill = 1, 1
	e.Ancestors = []outcome.Ancestor{{Path: "/oomcage", Max: 200 * outcome.MiB, EventsLocal: outcome.Events{OOM: 1}}}
}

func killedByHost(e *outcome.Evidence) {
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
	all := []*outcome.Outcome{refusedAt(64 * outcome.MiB), refusedAt(96 * outcome.MiB), refusedAt(128 * outcome.MiB)}
	require.Equal(t, []Finding{{"load", []string{"max=64MiB", "max=96MiB", "max=128MiB"},
		"nothing was measured at 3 of 3 points: the load failed while the target lived; the first, max=64MiB: step 1: POST /no-such-path: 404 Not Found"}}, Check(all))
}

func TestALoadThatOnlyTheLowestLimitsRefuseIsNoFault(t *testing.T) {
	require.Empty(t, Check([]*outcome.Outcome{refusedAt(64 * outcome.MiB), survivedAt(96*outcome.MiB, 3)}))
	require.NotEmpty(t, Check([]*outcome.Outcome{survivedAt(96*outcome.MiB, 3), refusedAt(128 * outcome.MiB)}))
}

func TestAProbeThatNeverSucceedsHasMeasuredNothing(t *testing.T) {
	o := survivedAt(64*outcome.MiB, 0)
	o.Error = "GET /ping: connection refused"
	o.Evidence.Ready, o.Evidence.TimedOut = false, true
	o.Verdict, o.Why = o.Judge()
	require.Equal(t, outcome.TimedOut, o.Verdict)
	require.Equal(t, []string{"load: nothing was measured at 1 of 1 points: the load failed while the target lived; the first, max=64MiB: GET /ping: connection refused"}, texts(Check([]*outcome.Outcome{o})))
}

func TestAProgramThatCannotBeStartedAnywhereHasMeasuredNothing(t *testing.T) {
	early := func(limit outcome.Bytes) *outcome.Outcome {
		o := exitedAt(limit, 2)
		o.Evidence.Ready = false
		o.Verdict, o.Why = o.Judge()
		return o
	}
	require.Equal(t, []string{"load: nothing was measured at any of 2 points: the target always ended by itself before it was ready; the first, max=64MiB: ended by itself with exit code 2, before it was ready"},
		texts(Check([]*outcome.Outcome{early(64 * outcome.MiB), early(96 * outcome.MiB)})))
	require.Empty(t, Check([]*outcome.Outcome{early(64 * outcome.MiB), survivedAt(96*outcome.MiB, 5)}), "it may have ended for want of memory")
}

func TestEndsThatNeitherTheTargetNorItsOwnLimitMadeAreFound(t *testing.T) {
	for v, change := range map[outcome.Verdict]func(*outcome.Evidence){
		outcome.AncestorOOMKilled: killedByAncestor, outcome.HostOOMKilled: killedByHost, outcome.Killed: sigkilled, outcome.TimedOut: timeUp,
	} {
		first, second := endedAt(64*outcome.MiB, change), endedAt(96*outcome.MiB, change)
		require.Equal(t, v, first.Verdict)
		require.Equal(t, []Finding{{"end", []string{"max=64MiB", "max=96MiB"}, fmt.Sprintf("%s at 2 of 3 points; the first, max=64MiB: %s", v, first.Why)}},
			Check([]*outcome.Outcome{first, second, survivedAt(128*outcome.MiB, 5)}))
	}
}

func TestEndsThatASweepIsForAreNoFindings(t *testing.T) {
	atHigh := endedAt(64*outcome.MiB, func(e *outcome.Evidence) {
		e.TimedOut, e.Limits.High, e.Events.High = true, 40*outcome.MiB, 812
	})
	require.Equal(t, outcome.Stalled, atHigh.Verdict)
	child := endedAt(64*outcome.MiB, func(e *outcome.Evidence) {
		e.Events.OOMKill, e.EventsLocal.OOMKill, e.EventsLocal.OOM = 1, 1, 1
	})
	require.Equal(t, outcome.ChildOOMKilled, child.Verdict)
	gaveUp := endedAt(64*outcome.MiB, outOfItsMemory)
	require.Equal(t, outcome.RuntimeOOM, gaveUp.Verdict)
	withoutSteps := survivedAt(64*outcome.MiB, 0)
	withoutSteps.Error = "the run's time is up" // what it waited for the target's end with
	withoutSteps.Evidence.TimedOut = true
	withoutSteps.Verdict, withoutSteps.Why = withoutSteps.Judge()
	require.Equal(t, outcome.TimedOut, withoutSteps.Verdict)
	endless := endedAt(outcome.Unlimited, timeUp)
	atStart := killedAt(64*outcome.MiB, 10*outcome.MiB)
	atStart.Evidence.Ready, atStart.Acknowledged, atStart.Attempted, atStart.Predicted = false, 0, 0, nil
	atStart.Error = "GET /ping: the target ended: SIGKILL"
	atStart.Verdict, atStart.Why = atStart.Judge()
	for _, o := range []*outcome.Outcome{atHigh, child, gaveUp, withoutSteps, endless, atStart, exitedAt(64*outcome.MiB, 1), exitedAt(64*outcome.MiB, 0)} {
		require.Empty(t, Check([]*outcome.Outcome{o}), o.Why)
	}
}
