package outcome

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startedAgain is an outcome whose target had two lives before, which took 8 of the load's steps each and were killed in the last
// of them. memory.peak is of the cage, and stays.
func startedAgain() *Outcome {
	o := &Outcome{
		Spec: Spec{Load: Load{Count: 20}}, Acknowledged: 4, Attempted: 4,
		Evidence: Evidence{
			Ready: true, Cage: "/cage", Limits: Limits{Max: 64 * MiB},
			Current: 35 * MiB, Peak: 64 * MiB,
		},
		Timeline: Timeline{{Current: 4 * MiB}, {Step: 3, Current: 36 * MiB}, {Step: 4, Current: 35 * MiB}},
		Outages:  []Outage{{Step: 8, From: 1, Until: time.Second, Failed: 1}, {Step: 16, From: 2 * time.Second, Until: 4 * time.Second, Failed: 1}},
	}
	for range 2 {
		o.Lives = append(o.Lives, Life{Verdict: OOMKilled, Acknowledged: 7, Attempted: 8, Peak: 64 * MiB})
	}
	return o
}

func TestTheSentenceOfALaterLifeHasTheWholeLoadsNumbers(t *testing.T) {
	o := startedAgain()
	o.Verdict, o.Why = o.Judge()
	require.Equal(t, Survived, o.Verdict)
	require.Equal(t, "alive when the load ended: 36.0 of 64.0 MiB, after step 20 of the whole load"+
		"; it was started again 2 times, and before that it was oom-killed after 7 steps each time; of all lives 18 of 20 steps were acknowledged"+
		"; from step 8 on 1 failed, and 1.0 s later one worked, the first of 2 outages; the last: from step 16 on 1 failed, and 2.0 s later one worked", o.Why)
	require.Contains(t, o.String(), "\n  in all     18 acknowledged of 20 attempted, in 3 lives\n")
	require.Contains(t, o.String(), "\n  memory     peak 67108864 (in an earlier life), at the end 36700160\n")
	require.NotContains(t, o.String(), "\n      peak  ", "the graph is of this life")
	o.Lives[0].Acknowledged = 6
	_, why := o.Judge()
	require.Contains(t, why, "before that it was oom-killed after 6 steps first and oom-killed after 7 steps last")
	o.Lives = append(o.Lives, o.Lives[0])
	_, why = o.Judge()
	require.Contains(t, why, "before that it was oom-killed after 6 steps first and last")
}

// What is told of a life is its own: outages are told of the last one.
func TestALifeIsJudgedByItselfWithTheWholeLoadsNumbers(t *testing.T) {
	o := startedAgain()
	o.Lives = o.Lives[:1]
	o.Acknowledged, o.Attempted, o.InFlight = 7, 8, 1
	o.Evidence.Status = ExitStatus{Ended: true, Signal: "SIGKILL"}
	o.Evidence.EventsLocal = Events{Max: 9, OOM: 1, OOMKill: 1}
	o.Evidence.Events = o.Evidence.EventsLocal
	o.Evidence.KillTimes = []KillTime{{Step: 8, Acknowledged: 7}}
	life := o.Life()
	require.Equal(t, OOMKilled, life.Verdict)
	require.Equal(t, "killed by its own limit: 64.0 of 64.0 MiB, during step 16 of the whole load", life.Why)
	require.Equal(t, []int{7, 8}, []int{life.Acknowledged, life.Attempted}, "counts are of the life")
	o.Evidence.KillTimes[0].Step = 5
	require.Contains(t, o.Life().Why, "; the kill came during step 13 of 16 of the whole load")
	o.Lives = nil
	require.Contains(t, o.Life().Why, ", during step 8; ")
}
