package report

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

func TestTheProcessesAreThoseOfTheFullestCensusOrOfTheKernelsReport(t *testing.T) {
	o := &outcome.Outcome{}
	require.Nil(t, processesOf(o, 16))

	o.Evidence = outcome.Evidence{Cage: "/cage", PID: 9, Kills: []outcome.OOMKill{{PID: 9, Report: &outcome.OOMReport{
		Group: "/cage", Stat: map[string]uint64{}, RestCount: 2, Rest: &outcome.OOMTask{RSS: outcome.MiB}, Tasks: []outcome.OOMTask{
			{TGID: 9, Name: "app\x1b[31m", RSS: 5 * outcome.MiB, Anon: 4 * outcome.MiB, File: outcome.MiB, OOMScoreAdj: -7},
			{TGID: 8, Name: "old", RSS: 3 * outcome.MiB},
		}}}}}
	require.Equal(t, &processes{
		When: "The kernel's list of those that it could have killed.", Kinds: []string{"anon", "file", "not split"}, Top: int64(5 * outcome.MiB), Rest: "and 2 more, with 1 MiB together",
		Rows: []resident{
			{`app\x1b[31m[9]`, []int64{4 << 20, 1 << 20, 0}, []string{"4 MiB", "1 MiB", "0 B"}, "oom_score_adj -7"},
			{"old[8]", []int64{0, 0, 3 << 20}, []string{"0 B", "0 B", "3 MiB"}, "oom_score_adj 0"},
		},
	}, processesOf(o, 16))
	require.Equal(t, "and 3 more, with 4 MiB together", processesOf(o, 1).Rest, "those that there is no room for are counted")
	require.Len(t, processesOf(o, 1).Rows, 1)

	o.Census = []outcome.Census{{Processes: []outcome.Resident{{PID: 9, State: "Z"}}}}
	require.Equal(t, "The kernel's list of those that it could have killed.", processesOf(o, 16).When, "a census of the dead tells nothing")
	o.Census = []outcome.Census{{}, {At: time.Second, Current: 64 * outcome.MiB, Processes: []outcome.Resident{
		{PID: 9, Name: "app", State: "D", Threads: 1, Shmem: outcome.MiB, Locked: outcome.MiB, Swap: outcome.KiB},
	}}, {At: 2 * time.Second, Processes: []outcome.Resident{{PID: 9, State: "Z"}}}}
	require.Equal(t, &processes{
		When: "Seen after 1.0 s, at 64 MiB.", Kinds: []string{"shmem", "swap"}, Top: 1<<20 + 1<<10,
		Rows: []resident{{"app[9]", []int64{1 << 20, 1 << 10}, []string{"1 MiB", "1 KiB"}, "waiting in the kernel, 1 thread, locked 1 MiB"}},
	}, processesOf(o, 16))
}

func TestStepsStayWhereTheyWereThoughTimesAreWholeMicroseconds(t *testing.T) {
	o := &outcome.Outcome{Latency: &outcome.Latency{Count: 999, P50: time.Millisecond, Last: 3 * time.Millisecond, Doubled: &outcome.Doubling{At: time.Second, Current: 9, Limit: 10}}}
	require.Nil(t, stepsOf(o, nil))
	at := time.Duration(0)
	for n := 1; n <= 1000; n++ {
		o.StepTimes = append(o.StepTimes, outcome.StepTime{N: n, Begin: at, Took: 1999 * time.Nanosecond, Answer: outcome.AnswerOK})
		at += 3501 * time.Nanosecond
	}
	o.StepTimes[999].Answer = outcome.AnswerEOF
	s := stepsOf(o, o.StepTimes)
	require.Equal(t, []int{999}, s.Failed)
	require.Equal(t, &moment{At: 1_000_000, Text: "doubled at 90 % of memory.max"}, s.Doubled)
	end := int64(0)
	for i, gap := range s.Columns["gap"] {
		require.InDelta(t, float64(o.StepTimes[i].Begin.Nanoseconds())/1000, end+gap, 2)
		end += gap + s.Columns["took"][i]
	}
	o.Latency = &outcome.Latency{}
	require.Empty(t, stepsOf(o, o.StepTimes).P50, "none was acknowledged")
}

func TestATimelineBeginsWithItsFirstReadingWhereNothingWasBefore(t *testing.T) {
	s := timeScale(12_900_000, 16_700_000)
	require.InDelta(t, 12_900_000, s.From, 0)
	require.Equal(t, "13 s", s.Ticks[0].Text)
	require.LessOrEqual(t, len(s.Ticks), 9)
	for _, tick := range s.Ticks {
		require.True(t, tick.At >= s.From && tick.At <= s.Top)
	}
	s = timeScale(1_000_000, 16_700_000)
	require.Zero(t, s.From)
	require.Equal(t, tick{At: 0, Text: "0 s"}, s.Ticks[0])
	require.Equal(t, scale{Top: 1, Ticks: []tick{{At: 0, Text: "0 s"}, {At: 1, Text: "0.000001 s"}}}, timeScale(0, 1))
}

func TestAKindOfWhichThereIsLessThanALineIsLeftOut(t *testing.T) {
	o := &outcome.Outcome{Timeline: []outcome.Sample{
		{Current: outcome.MiB}, {At: time.Second, Current: 100 * outcome.MiB, Stat: outcome.MemoryStat{Anon: 99 * outcome.MiB, Sock: 8 * outcome.KiB}},
	}}
	plot := timelineOf(o, generous(1))
	require.Equal(t, []outcome.Kind{outcome.KindAnon}, plot.Kinds)
	require.NotContains(t, plot.Columns, "sock")
}

func TestALimitThatChangesIsAStaircaseAndHasRoom(t *testing.T) {
	o := &outcome.Outcome{
		Timeline: []outcome.Sample{{Current: outcome.MiB}, {At: time.Second, Current: 10 * outcome.MiB}},
		Evidence: outcome.Evidence{Cage: "/cage", Limits: outcome.Limits{Max: 12 * outcome.MiB}, LimitChanges: []outcome.LimitChange{
			{At: time.Second / 2, Group: "/cage", File: "memory.max", From: 12 * outcome.MiB, To: 20 * outcome.MiB},
			{At: time.Second / 2, Group: "/", File: "memory.max", To: 1},
			{At: time.Second, Group: "/cage", File: "memory.max", To: outcome.Unlimited},
		}},
	}
	plot := timelineOf(o, generous(1))
	require.Equal(t, []limitLine{{"memory.max", 12 << 20, "12 MiB", []limitChange{{500_000, 20 << 20, "20 MiB"}, {1_000_000, 0, "max"}}}}, plot.Limits)
	require.GreaterOrEqual(t, plot.Memory.Top, float64(20<<20))
}

func TestATimelineGoesOnToTheLastStepKillAndCapture(t *testing.T) {
	o := &outcome.Outcome{Timeline: []outcome.Sample{{}, {At: time.Second, Current: 1}}}
	end := func() float64 { return timelineOf(o, generous(1)).Time.Top }
	require.InDelta(t, 1e6, end(), 0)
	o.Evidence.Captures = []outcome.Captured{{At: time.Second, Took: time.Second, Current: 5, Capture: outcome.Capture{Get: "/heap"}}, {Error: "it never began"}}
	require.InDelta(t, 2e6, end(), 0)
	require.Equal(t, []moment{{1_000_000, 1_000_000, "GET /heap"}}, timelineOf(o, generous(1)).Capture)
	o.Evidence.KillTimes = []outcome.KillTime{{At: 3 * time.Second}}
	require.InDelta(t, 3e6, end(), 0)
	require.Equal(t, []moment{{3_000_000, 0, "OOM kill"}}, timelineOf(o, generous(1)).Kills)
	o.StepTimes = outcome.StepTimes{{N: 1, Begin: 3 * time.Second, Took: time.Second, Answer: outcome.AnswerOK}}
	require.InDelta(t, 4e6, end(), 0)
}

// Recovery, a clean end and the account were in the text of an outcome alone.
func TestThePageHasTheLivesTheOutagesTheStopAndTheUser(t *testing.T) {
	o := &outcome.Outcome{
		Inherited: []string{"GOGC=50"}, Acknowledged: 3, Attempted: 6, Failed: 2, InFlight: 1,
		Lives:   []outcome.Life{{Until: 2 * time.Second, Verdict: outcome.OOMKilled, Why: "killed by its own limit", Acknowledged: 4, Attempted: 5}},
		Outages: []outcome.Outage{{Step: 5, From: time.Second, Until: 3 * time.Second, Failed: 2, Error: "EOF"}},
	}
	o.Spec.Target.User = "nobody"
	o.Evidence.Status = outcome.ExitStatus{Ended: true}
	o.Evidence.Stop = &outcome.Stopped{Stop: outcome.Stop{Signal: "SIGTERM", Grace: 5 * time.Second}, Took: time.Second, Ended: true}
	shown := facts(o, 1000)
	for _, want := range [][]string{
		{"inherited", "GOGC=50"}, {"user", "nobody"}, {"life", "1 of 2, until 2.0 s: oom-killed after 4 steps: killed by its own limit"},
		{"stopped", "SIGTERM,5s after the load; " + o.Evidence.StopText()}, {"steps", "3 acknowledged of 6 attempted, 2 failed, 1 in flight"}, {"in all lives", "7 acknowledged of 11 attempted"}, {"outage", o.Outages[0].String()},
	} {
		require.Contains(t, shown, want)
	}
	o.Lives, o.Outages = slices.Repeat(o.Lives, 500), slices.Repeat(o.Outages, 500)
	require.Less(t, len(facts(o, 1000)), 50)
	require.Contains(t, facts(o, 1000), []string{"life", "490 more, before the one that is shown"})
}
