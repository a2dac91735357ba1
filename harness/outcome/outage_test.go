package outcome

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnOutageLastsFromTheFirstFailedStepToTheNextThatWorked(t *testing.T) {
	var l OutageLog
	down := errors.New("EOF")
	step := func(n int, begin, took time.Duration) StepTime {
		return StepTime{N: n, Begin: begin * time.Second, Took: took * time.Second}
	}
	l.Acknowledge(step(1, 0, 1))
	require.Empty(t, l.Outages())
	l.Fail(step(3, 2, 2), down)
	l.Fail(step(2, 1, 4), errors.New("reset"))
	l.Acknowledge(step(4, 3, 9)) // sent before the failure was known
	require.Equal(t, []Outage{{Step: 2, From: time.Second, Failed: 2, Error: "EOF"}}, l.Outages())
	require.Equal(t, "from step 2 on 2 failed, and none worked again", l.Outages()[0].String())
	require.Zero(t, l.Outages()[0].Took())
	l.Acknowledge(step(5, 6, 1))
	l.Acknowledge(step(6, 8, 1))
	require.Equal(t, 7*time.Second, l.Outages()[0].Until)
	require.Equal(t, "from step 2 on 2 failed, and 6.0 s later one worked", l.Outages()[0].String())
}

func TestOutagesAreBounded(t *testing.T) {
	var l OutageLog
	for n := range 10 * maxOutages {
		s := StepTime{N: n, Begin: time.Duration(2 * n), Took: 1}
		if n%2 == 0 {
			l.Fail(s, errors.New("no"))
		} else {
			l.Acknowledge(s)
		}
	}
	l.Fail(StepTime{N: 5000, Begin: 50000, Took: 1}, errors.New("no"))
	l.Acknowledge(StepTime{N: 5001, Begin: 60000, Took: 1})
	l.Fail(StepTime{N: 5002, Begin: 59000, Took: 9000}, errors.New("late")) // it was sent before that
	require.Len(t, l.Outages(), maxOutages)
	for _, o := range l.Outages() {
		require.True(t, o.Over())
	}
	require.Equal(t, Outage{Step: 5000, From: 50000, Until: 60001, Failed: 2, Error: "no"}, l.Outages()[maxOutages-1], "the longest stays")
}

// manyClients is a killed run of a load with clients.
func manyClients() *Outcome {
	return &Outcome{
		Spec: Spec{Load: Load{Bytes: MiB, Clients: 16}}, Acknowledged: 41, Attempted: 57, InFlight: 16, Predicted: &Prediction{60, 62},
		Evidence: Evidence{
			Status: sigkill, Ready: true, Events: Events{OOM: 1, OOMKill: 1}, EventsLocal: Events{OOM: 1, OOMKill: 1}, Peak: 77, Limits: Limits{Max: 77},
			KillTimes: []KillTime{{At: time.Second, Step: 57, Acknowledged: 41}},
		},
	}
}

func TestThePredictionAllowsForWhatWasInFlight(t *testing.T) {
	o := manyClients()
	o.Complete()
	require.Equal(t, &Prediction{60 - 15 - 1, 62}, o.Predicted, "15 steps that may have been taken, and a MiB of connections")
	one := manyClients()
	one.Spec.Load.Clients, one.InFlight, one.Attempted = 1, 1, 42
	one.Complete()
	require.Equal(t, &Prediction{60, 62}, one.Predicted)
	few := manyClients()
	few.Predicted = &Prediction{3, math.MaxInt}
	few.Complete()
	require.Equal(t, &Prediction{0, math.MaxInt}, few.Predicted)
}

func TestTheSentenceCountsStepsInFlight(t *testing.T) {
	o := manyClients()
	v, why := o.Judge()
	require.Equal(t, OOMKilled, v)
	require.Contains(t, why, ", after 41 steps had been acknowledged, with 16 in flight")
	require.NotContains(t, why, "came")
	o.Failed, o.InFlight = 3, 13
	o.Outages = []Outage{{Step: 7, From: 1, Until: time.Second, Failed: 2}, {Step: 9, Failed: 1}}
	_, why = o.Judge()
	require.Contains(t, why, ", with 13 in flight; 3 steps failed; from step 7 on 2 failed, and 1.0 s later one worked, the first of 2 outages; the last: from step 9 on 1 failed, and none worked again")
	require.Contains(t, o.String(), "41 acknowledged of 57 attempted (3 failed, 13 in flight)")
}

// With many under way the number of the last one that was sent does not tell when a child was killed.
func TestAChildsKillAmongManyStepsIsPlacedByWhatWasAcknowledged(t *testing.T) {
	o := manyClients()
	o.Evidence.Status, o.InFlight, o.Acknowledged = ExitStatus{}, 0, 57
	o.Verdict, o.Why = o.Judge()
	require.Equal(t, ChildOOMKilled, o.Verdict)
	require.Contains(t, o.Why, "; the first kill came when 41 steps had been acknowledged")
	require.Equal(t, "the first OOM kill came when 41 steps had been acknowledged, and 60..62 were predicted", o.Mispredicted())
	o.Complete()
	require.Equal(t, &Prediction{44, 62}, o.Predicted, "what was in flight at that kill counts")
}

func TestRecoveryAndLossAreAsserted(t *testing.T) {
	o := manyClients()
	o.Verdict, o.Why = o.Judge()
	said := func(assert func(TB)) string {
		var r recorder
		assert(&r)
		return r.message
	}
	require.Contains(t, said(func(t TB) { o.RequireRecovered(t, time.Second) }), "no step failed of a load that goes on then")
	o.Outages = []Outage{{Step: 7, From: 1, Until: time.Second, Failed: 2}}
	require.Empty(t, said(func(t TB) { o.RequireRecovered(t, time.Second) }))
	require.Contains(t, said(func(t TB) { o.RequireRecovered(t, time.Millisecond) }), "it did not recover within 1ms: from step 7 on 2 failed, and")
	o.Outages[0].Until = 0
	require.Contains(t, said(func(t TB) { o.RequireRecovered(t, time.Hour) }), "none worked again")

	require.Empty(t, said(func(t TB) { o.RequireNoLoss(t, 41) }))
	require.Empty(t, said(func(t TB) { o.RequireNoLoss(t, 57) }))
	require.Contains(t, said(func(t TB) { o.RequireNoLoss(t, 40) }), "41 steps were acknowledged, and the service has 40: it has lost 1")
	require.Contains(t, said(func(t TB) { o.RequireNoLoss(t, 58) }), "57 steps were sent, and the service has 58: it took some twice")
}

func TestTheSentenceSaysHowOftenTheTargetWasStartedAgain(t *testing.T) {
	o := manyClients()
	o.Lives = []Life{{Verdict: OOMKilled, Acknowledged: 49, Attempted: 50}}
	_, why := o.Judge()
	require.Contains(t, why, "; it was started again once, and before that it was oom-killed after 49 steps")
	o.Lives = append(o.Lives, Life{Verdict: Exited})
	_, why = o.Judge()
	require.Contains(t, why, "; it was started again 2 times, and before that it was oom-killed after 49 steps first and exited last")
	require.Contains(t, why, ", after 41 steps of this life had been acknowledged, with 16 in flight; ")
	require.Contains(t, why, "; of all lives 90 of 107 steps were acknowledged")
	acknowledged, attempted := o.Steps()
	require.Equal(t, []int{41 + 49, 57 + 50}, []int{acknowledged, attempted})
}
