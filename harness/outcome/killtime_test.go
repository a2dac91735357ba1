package outcome

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePredictionIsJudgedByTheFirstKill(t *testing.T) {
	at := func(steps ...int) (kills []KillTime) {
		for _, step := range steps {
			kills = append(kills, KillTime{Step: step})
		}
		return kills
	}
	for name, c := range map[string]struct {
		o    Outcome
		want int
	}{
		"no kill":                           {Outcome{Verdict: Survived, Acknowledged: 9, Attempted: 9}, 9},
		"the target, during a step":         {Outcome{Verdict: OOMKilled, Acknowledged: 4, Attempted: 5, Evidence: Evidence{KillTimes: at(5)}}, 4},
		"the target, right after an answer": {Outcome{Verdict: OOMKilled, Acknowledged: 5, Attempted: 5, Evidence: Evidence{KillTimes: at(5)}}, 5},
		"a child, long before":              {Outcome{Verdict: ChildOOMKilled, Acknowledged: 29, Attempted: 29, Evidence: Evidence{KillTimes: at(19)}}, 18},
		"a child, and later the target":     {Outcome{Verdict: OOMKilled, Acknowledged: 28, Attempted: 29, Evidence: Evidence{KillTimes: at(19, 29)}}, 18},
		"a child, in the last step":         {Outcome{Verdict: ChildOOMKilled, Acknowledged: 19, Attempted: 19, Evidence: Evidence{KillTimes: at(19)}}, 18},
		"a child, in one without an answer": {Outcome{Verdict: ChildOOMKilled, Acknowledged: 18, Attempted: 19, Evidence: Evidence{KillTimes: at(19)}}, 18},
		"before the first":                  {Outcome{Verdict: ChildOOMKilled, Acknowledged: 3, Attempted: 3, Evidence: Evidence{KillTimes: at(0)}}, 0},
		"a target without steps":            {Outcome{Verdict: OOMKilled, Evidence: Evidence{KillTimes: at(0)}}, 0},
	} {
		require.Equal(t, c.want, c.o.acknowledgedAtKill(c.o.Verdict), name)
		for _, w := range []Prediction{{0, c.want - 1}, {c.want, c.want}, {c.want + 1, 99}} {
			c.o.Predicted = &w
			require.Equal(t, w.Contains(c.want), c.o.Mispredicted() == "", "%s, %s", name, w)
		}
	}
	require.NotEmpty(t, new(Outcome).Mispredicted(), "there is none")
}

func TestAKillBetweenTwoStepsCameAfterTheFirst(t *testing.T) {
	o := Outcome{Acknowledged: 4, Attempted: 5, Evidence: Evidence{
		Status: sigkill, Events: Events{OOM: 1, OOMKill: 1}, EventsLocal: Events{OOM: 1, OOMKill: 1},
		Limits: Limits{Max: MiB}, Peak: MiB, KillTimes: []KillTime{{Step: 4}},
	}}
	o.Verdict, o.Why = o.Judge()
	require.Equal(t, OOMKilled, o.Verdict)
	require.Contains(t, o.Why, "after step 4")
	require.NotContains(t, o.Why, "step 5")
}
