package outcome

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestChangesAreRead(t *testing.T) {
	for text, want := range map[string]Schedule{
		"10s:max=64M":               {{At: 10 * time.Second, Limit: "max", To: 64 * MiB}},
		"step=20:high=48M":          {{Step: 20, Limit: "high", To: 48 * MiB}},
		"0s:swap=0,max=max":         {{Limit: "swap"}, {Limit: "max", To: Unlimited}},
		"1m30s:low=1MiB,min=512KiB": {{At: 90 * time.Second, Limit: "low", To: MiB}, {At: 90 * time.Second, Limit: "min", To: 512 * KiB}},
	} {
		got, err := ParseChanges(text)
		require.NoError(t, err, text)
		require.Equal(t, want, Schedule(got), text)
		for _, c := range got {
			again, err := ParseChanges(c.String())
			require.NoError(t, err)
			require.Equal(t, []Change{c}, again)
		}
	}
	for text, want := range map[string]string{
		"max=64M":            "does not say when",
		"10:max=64M":         `"10" is neither a time since the target was ready, such as 10s, nor a step`,
		"-1s:max=64M":        "neither a time",
		"step=0:max=64M":     "steps are counted from 1",
		"step=x:max=64M":     `"x" is no step`,
		"1s:max":             "no limit with its new value",
		"1s:mx=64M":          `there is no limit "mx" that can change during a run: did you mean max? take one of high, low, max, min, swap`,
		"1s:cpu=64M":         `there is no limit "cpu" that can change during a run: take one of`,
		"1s:max=0":           "memory.max to 0 could mean no limit or no memory: write max for no limit",
		"step=3:high=0":      "memory.high to 0 could mean",
		"1s:max=64Q":         "sizes look like",
		"1s:max=100":         "was a unit forgotten",
		"1s:max=64M,":        "no limit with its new value",
		"1s:max=64M,high=no": "sizes look like",
	} {
		_, err := ParseChanges(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestAScheduleIsValidated(t *testing.T) {
	spec := func(s ...Change) Spec { return Spec{Target: Target{Path: "x"}, Load: Load{Count: 10}, Schedule: s} }
	at := Change{Step: 3, Limit: "max", To: 64 * MiB}
	require.NoError(t, spec(at, Change{Step: 3, Limit: "high", To: MiB}, Change{At: 3, Limit: "max", To: MiB}).Validate())
	require.ErrorContains(t, spec(at, Change{Step: 3, Limit: "max", To: MiB}).Validate(), "changes memory.max twice at once (step=3)")
	require.ErrorContains(t, spec(Change{Step: 11, Limit: "max", To: MiB}).Validate(), "step=11:max=1MiB of the schedule never comes: the load has 10 steps")
	require.ErrorContains(t, spec(Change{Step: 1, At: 1, Limit: "max", To: MiB}).Validate(), "a time and a step")
	require.ErrorContains(t, spec(Change{Step: -1, Limit: "max", To: MiB}).Validate(), "negative")
	require.ErrorContains(t, spec(Change{Limit: "Max", To: MiB}).Validate(), "did you mean max?")
	require.ErrorContains(t, spec(Change{Limit: "low", To: -1}).Validate(), "must not be negative")
}

func TestALimitThatIsSureToKillIsSaidBefore(t *testing.T) {
	s := Spec{Load: Load{Bytes: 20 * MiB}, Schedule: Schedule{{Step: 4, Limit: "max", To: 64 * MiB}}}
	require.Equal(t, []string{"memory.max is lowered to 64.0 MiB after step 4, and the steps take 80.0 MiB by then: where the cage is charged with more than its new limit, the kernel kills at once"}, s.Warnings())
	s.Schedule[0].Step = 3
	require.Empty(t, s.Warnings())
	s.Schedule[0] = Change{Step: 4, Limit: "high", To: 64 * MiB}
	require.Empty(t, s.Warnings(), "memory.high does not kill")
}

func TestTheWindowFollowsTheLimits(t *testing.T) {
	b := Baseline{Current: 2 * MiB, PageSize: 4096, CPUs: 1}
	const step = 10 * MiB
	first := Limits{Max: 100 * MiB}
	require.Equal(t, Prediction{9, 9}, Predict(b, first, step))
	max := func(after int, to Bytes) Change { return Change{Step: after, Limit: "max", To: to} }
	for name, c := range map[string]struct {
		schedule Schedule
		want     Prediction
	}{
		"none":                               {nil, Prediction{9, 9}},
		"lowered below use":                  {Schedule{max(5, 30*MiB)}, Prediction{5, 5}},
		"lowered above use":                  {Schedule{max(2, 50*MiB)}, Prediction{4, 4}},
		"lowered when it is dead":            {Schedule{max(12, 30*MiB)}, Prediction{9, 9}},
		"raised in time":                     {Schedule{max(5, 200*MiB)}, Prediction{19, 19}},
		"raised at the last moment":          {Schedule{max(9, 200*MiB)}, Prediction{19, 19}},
		"raised too late":                    {Schedule{max(10, 200*MiB)}, Prediction{9, 9}},
		"lowered and raised again":           {Schedule{max(6, 100*MiB), max(2, 50*MiB)}, Prediction{4, 4}},
		"no limit any more":                  {Schedule{max(5, Unlimited)}, Prediction{5, math.MaxInt}},
		"no limit, and one again":            {Schedule{max(5, Unlimited), max(30, 100*MiB)}, Prediction{30, 30}},
		"by time, of which nothing is known": {Schedule{{At: 1, Limit: "max", To: 30 * MiB}}, Prediction{9, 9}},
		"throttled from then on":             {Schedule{{Step: 3, Limit: "high", To: 20 * MiB}}, Prediction{3, 9}},
	} {
		require.Equal(t, c.want, PredictSchedule(b, first, step, c.schedule, nil), name)
	}
	lowered := Change{At: 1, Limit: "max", To: 30 * MiB}
	require.Equal(t, Prediction{5, 5}, PredictSchedule(b, first, step, Schedule{lowered}, []Applied{{Change: lowered, Acked: 5}}))
	require.Equal(t, Prediction{9, 9}, PredictSchedule(b, first, step, Schedule{lowered}, []Applied{{Change: lowered, Acked: 5, Error: "EBUSY"}}))
	raised := Change{At: 1, Limit: "max", To: 200 * MiB}
	require.Equal(t, Prediction{9, 19}, PredictSchedule(b, first, step, Schedule{raised}, []Applied{{Change: raised, Acked: 9}}), "it came during the step that was too much, or not")
	require.True(t, Schedule{raised}.Predicts(Limits{}))
	require.False(t, Schedule{max(5, Unlimited)}.Predicts(Limits{}))
}

// scheduledDeath is a death by a limit that was lowered after step 4 of 8.
func scheduledDeath() *Outcome {
	change := Change{Step: 4, Limit: "max", To: 30 * MiB}
	never := Change{At: time.Hour, Limit: "high", To: 10 * MiB}
	return &Outcome{
		Spec: Spec{Schedule: Schedule{change, never}, Load: Load{Bytes: 10 * MiB, Count: 8}}, Attempted: 4, Acknowledged: 4, Verdict: OOMKilled,
		Timeline: Timeline{{At: 1, Current: 42 * MiB, Step: 4, Landmark: true}, {At: 3 * time.Second, Current: MiB, Step: 4, Landmark: true}},
		Evidence: Evidence{
			Cage: "/cage", Limits: Limits{Max: 100 * MiB}, Peak: 42 * MiB, Ready: true, Status: ExitStatus{Ended: true, Signal: "SIGKILL"},
			Events: Events{OOM: 1, OOMKill: 1}, EventsLocal: Events{OOM: 1, OOMKill: 1},
			KillTimes:    []KillTime{{At: 2500 * time.Millisecond, Step: 4}},
			LimitChanges: []LimitChange{{At: 2 * time.Second, Group: "/cage", File: "memory.max", From: 100 * MiB, To: 30 * MiB, Scheduled: true}},
			Applied:      []Applied{{Change: change, Begin: 2 * time.Second, Took: time.Second, Acked: 4, From: 100 * MiB, Used: 42 * MiB, Left: MiB}},
		},
	}
}

func TestTheSentenceSaysThatTheScheduleKilled(t *testing.T) {
	o := scheduledDeath()
	v, why := o.Judge()
	require.Equal(t, OOMKilled, v)
	require.Equal(t, "killed by its own limit: the schedule lowered it after step 4 to 30.0 MiB, when 42.0 MiB were charged"+
		"; the schedule's 1h0m0s:high=10MiB never came: the run was over before", why)
	require.Contains(t, o.graph(), "memory.max is 30.0 MiB")

	e := &o.Evidence
	e.KillTimes[0] = KillTime{At: 9 * time.Second, Step: 5} // by the new limit, and not as it came
	o.Attempted = 5
	_, why = o.Judge()
	require.Contains(t, why, "killed by its own limit: 30.0 of 30.0 MiB; at the highest 42.0 MiB, under another limit, during step 5; the schedule lowered memory.max after step 4, from 100.0 MiB to 30.0 MiB")

	e.Applied[0].Error, e.LimitChanges = "it is busy", nil
	_, why = o.Judge()
	require.Contains(t, why, "killed by its own limit: 42.0 of 100.0 MiB, during step 5; the schedule's step=4:max=30MiB failed: it is busy")
}

func TestAKillOfAChildByTheScheduleIsPlaced(t *testing.T) {
	o := scheduledDeath()
	o.Evidence.Status, o.Attempted, o.Acknowledged = ExitStatus{}, 8, 8
	o.Predicted = &Prediction{4, 4}
	v, why := o.Judge()
	o.Verdict = v
	require.Equal(t, ChildOOMKilled, v)
	require.Contains(t, why, "the schedule lowered memory.max after step 4, from 100.0 MiB to 30.0 MiB")
	require.Contains(t, why, "the kill came when the schedule lowered memory.max to 30.0 MiB, after step 4 of 8")
	require.Empty(t, o.Mispredicted())
}

func TestWhatTheScheduleDidSurvivesTheFile(t *testing.T) {
	o := scheduledDeath()
	line, err := json.Marshal(o)
	require.NoError(t, err)
	again, err := ParseOutcome(line)
	require.NoError(t, err)
	require.Equal(t, o.Spec.Schedule, again.Spec.Schedule)
	require.Equal(t, o.Evidence.Applied, again.Evidence.Applied)
	require.Equal(t, o.Evidence.LimitChanges, again.Evidence.LimitChanges)
	require.Equal(t, o.Timeline, again.Timeline)
	require.NotContains(t, string(line), `"landmark":false`)
}

func TestLandmarksAreNeverDropped(t *testing.T) {
	var line Timeline
	for i := range 400 {
		line = append(line, Sample{At: time.Duration(i), Current: 5 * MiB, Landmark: i == 101 || i == 102})
	}
	for range 6 {
		line = line.Halve(0)
	}
	marked := 0
	for _, s := range line {
		if s.Landmark {
			marked++
		}
	}
	require.Less(t, len(line), 20)
	require.Equal(t, 2, marked)
}

func TestAChangeThatDidNotComeIsForTheNextLife(t *testing.T) {
	late, soon, later := Change{At: time.Minute, Limit: "max", To: MiB}, Change{Step: 3, Limit: "high", To: MiB}, Change{Step: 9, Limit: "high", To: MiB}
	require.Equal(t, Change{At: 50 * time.Second, Limit: "max", To: MiB}, late.After(4, 10*time.Second))
	require.Equal(t, Change{Limit: "high", To: MiB}, soon.After(4, 10*time.Second), "it was due, and the target died before")
	require.Equal(t, Change{Step: 5, Limit: "high", To: MiB}, later.After(4, 10*time.Second))
}

func TestABudgetIsForTheLargestLimitsOfASchedule(t *testing.T) {
	s := Schedule{{Step: 1, Limit: "max", To: 2 * GiB}, {Step: 2, Limit: "max", To: MiB}, {Step: 2, Limit: "swap", To: 3 * MiB}}
	require.Equal(t, Limits{Max: 2 * GiB, Swap: 3 * MiB}, s.Largest(Limits{Max: 64 * MiB}))
	require.Equal(t, Limits{Swap: 3 * MiB}, s.Largest(Limits{}), "no limit is the largest")
}
