package outcome

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestASpiralOfTheCollectorIsAStall(t *testing.T) {
	goLimit := &SoftLimit{Name: "GOMEMLIMIT", Size: 32 * MiB}
	slow, steady := &Pace{First: 3 * time.Millisecond, Last: 15 * time.Millisecond}, &Pace{First: 3 * time.Millisecond, Last: 4 * time.Millisecond}
	spiral := func(change func(e *Evidence)) Evidence {
		e := Evidence{Ready: true, TimedOut: true, Took: 30 * time.Second, CPU: 27 * time.Second, Stat: MemoryStat{Anon: 62 * MiB}, SoftLimit: goLimit, Pace: slow}
		change(&e)
		return e
	}
	jvm := func(gc, all time.Duration) Evidence {
		return Evidence{Ready: true, TimedOut: true, Took: 30 * time.Second, CPU: 27 * time.Second, Collector: &Collector{"JVM", gc, all}}
	}
	for name, c := range map[string]struct {
		e    Evidence
		want Verdict
		why  string
	}{
		"Go, with more live than its limit": {spiral(func(*Evidence) {}), Stalled, "alive when the time was up, and its own memory was short: its runtime collected garbage all the time, " +
			"as 62.0 MiB of memory are more than its GOMEMLIMIT (32.0 MiB); the cage used 27.0 s of CPU in 30.0 s, and steps took 15 ms in the end and 3.0 ms early on"},
		"part of it in swap":              {spiral(func(e *Evidence) { e.Stat.Anon, e.SwapCurrent = 30*MiB, 3*MiB }), Stalled, "33.0 MiB of memory"},
		"under pressure, too":             {spiral(func(e *Evidence) { e.Pressure.Some = time.Second }), Stalled, "memory was short: 1s under memory pressure; its runtime collected"},
		"without a limit":                 {spiral(func(e *Evidence) { e.SoftLimit = nil }), TimedOut, "memory was not the cause"},
		"at its limit, as a heap is":      {spiral(func(e *Evidence) { e.Stat.Anon = 32 * MiB }), TimedOut, "memory was not the cause"},
		"an idle one":                     {spiral(func(e *Evidence) { e.CPU = time.Second }), TimedOut, "memory was not the cause"},
		"one whose CPU time is not known": {spiral(func(e *Evidence) { e.CPU, e.Unread = 0, map[Source]string{CPUFile: "gone"} }), TimedOut, "memory was not the cause"},
		"one that did not slow down":      {spiral(func(e *Evidence) { e.Pace = steady }), TimedOut, "memory was not the cause"},
		"one without steps":               {spiral(func(e *Evidence) { e.Pace = nil }), TimedOut, "memory was not the cause"},
		"one with steps of no time":       {spiral(func(e *Evidence) { e.Pace = &Pace{} }), TimedOut, "memory was not the cause"},
		"a loop, far below its limit":     {spiral(func(e *Evidence) { e.Stat.Anon = 5 * MiB }), TimedOut, "memory was not the cause"},
		"with unknown memory":             {spiral(func(e *Evidence) { e.Unread = map[Source]string{StatFile: "gone"} }), Inconclusive, "unknown"},
		"a JVM":                           {jvm(26*time.Second, 26*time.Second+500*time.Millisecond), Stalled, "its own memory was short: its runtime (JVM) collected garbage for 26.0 s of the 26.5 s of CPU that it used; the cage used 27.0 s of CPU in 30.0 s"},
		"a JVM that works":                {jvm(5*time.Second, 26*time.Second), TimedOut, "memory was not the cause"},
		"a JVM that is idle": {func() Evidence {
			e := jvm(2*time.Second, 3*time.Second)
			e.CPU = 3 * time.Second
			return e
		}(), TimedOut, "memory was not the cause"},
		"a collector that did nothing": {jvm(0, 0), TimedOut, "memory was not the cause"},
	} {
		t.Run(name, func(t *testing.T) {
			v, why := Classify(c.e)
			assert.Equal(t, c.want, v)
			assert.Contains(t, why, c.why)
		})
	}
	o := &Outcome{Verdict: Stalled, Evidence: spiral(func(*Evidence) {})}
	require.Contains(t, o.help(), "its collector finds nothing to free")
	o.Evidence = spiral(func(e *Evidence) { e.SoftLimit = nil })
	require.Empty(t, o.ownLimitHelp())
	alive := spiral(func(e *Evidence) { e.TimedOut = false })
	require.Equal(t, Survived, verdictOf(alive), "its load has ended")
}

// stepsOf are steps that took so many milliseconds each.
func timesOf(took ...int) StepTimes {
	var all StepTimes
	for i, ms := range took {
		all = append(all, StepTime{N: i + 1, Took: time.Duration(ms) * time.Millisecond, Answer: AnswerOK})
	}
	return all
}

func TestThePaceOfSteps(t *testing.T) {
	const ms = time.Millisecond
	require.Nil(t, StepTimes(nil).pace())
	require.Nil(t, timesOf(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1).pace(), "too few")
	require.Equal(t, &Pace{2 * ms, 20 * ms}, timesOf(9, 2, 2, 3, 4, 4, 10, 50, 6, 10, 90, 30).pace(), "a slow begin, and a slow step, are none")
	given := timesOf(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 9000)
	given[11].Answer = AnswerTimeout
	require.Equal(t, &Pace{ms, ms}, given.pace(), "a step without an end is one")
	given[10].Took = 79 * ms
	require.Equal(t, &Pace{ms, 40 * ms}, given.pace())
	given[11].Answer = HTTPAnswer(404)
	require.Nil(t, given.pace(), "what was refused is no step")
}

func TestTheEvidenceIsCompleteWhenTheRunIsOver(t *testing.T) {
	o := &Outcome{StepTimes: timesOf(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 79, 79), Took: time.Second}
	o.Complete()
	require.Nil(t, o.Evidence.Pace, "it had time")
	o.Evidence.TimedOut = true
	o.Complete()
	require.Equal(t, 40*time.Millisecond, o.Evidence.Pace.Last)
	require.Equal(t, time.Second, o.Evidence.Took)
}

func TestGoMemoryLimits(t *testing.T) {
	for text, want := range map[string]Bytes{
		"33554432": 32 * MiB, "33554432B": 32 * MiB, "32768KiB": 32 * MiB, "32MiB": 32 * MiB, "3GiB": 3 * GiB, "1TiB": 1024 * GiB,
		"off": 0, "": 0, "MiB": 0, "0": 0, "-5": 0, "1.5GiB": 0, "32MB": 0, "32M": 0, "32BiB": 0, "9223372036854775807": 0, "9223372036854775807TiB": 0,
	} {
		got := ReadSoftLimit([]string{"HOME=/", "XGOMEMLIMIT=1", "GOMEMLIMIT=" + text, "GOMEMLIMIT=7"})
		if want == 0 {
			require.Nil(t, got, text)
			continue
		}
		require.Equal(t, &SoftLimit{"GOMEMLIMIT", want}, got, text)
	}
	require.Nil(t, ReadSoftLimit(nil))
	require.Equal(t, &SoftLimit{"GOMEMLIMIT", 7}, ReadSoftLimit([]string{"GOMEMLIMIT=7"}))
}

// As /proc had them of OpenJDK 17 with 4 % of its heap free, after 7 s on two CPUs that others used too.
func TestThreadsThatCollectGarbageAreKnown(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	require.Equal(t, &Collector{"JVM", ms(1800), ms(1860)}, ReadCollector([]Thread{{"java", ms(60)}, {"VM Thread", ms(1800)}, {"VM Periodic Tas", 0}}))
	require.Equal(t, &Collector{"JVM", ms(6150), ms(6220)}, ReadCollector([]Thread{{"java", ms(70)}, {"GC Thread#0", ms(2430)}, {"VM Thread", ms(190)}, {"GC Thread#1", ms(3530)}, {"G1 Main Marker", 0}}))
	require.Equal(t, ".NET", ReadCollector([]Thread{{".NET Server GC", 1}, {".NET Tiered Com", 5}}).Runtime)
	require.Nil(t, ReadCollector([]Thread{{"app", 5}, {"app", 7}}))
	require.Nil(t, ReadCollector(nil))
}
