package harness

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/patience"
	"oomcage/harness/outcome"
)

func TestRunOfAProgramThatEatsTooMuch(t *testing.T) {
	o := RunT(t, Spec{Target: as(t, "eat", "100000000"), Limits: Limits{Max: 64 * MiB}})
	o.RequireVerdict(t, OOMKilled)
	o.RequireOOMKills(t, 1)
	require.Positive(t, o.Evidence.EventsLocal.OOM) // each thread that meets the limit counts
	require.InDelta(t, int64(64*MiB), int64(o.Peak), overshoot)
	require.Empty(t, o.Error)
	requireKernelLog(t)
	require.Empty(t, o.Evidence.Unread)
}

// Its cage is made before its time begins: that may have to wait for other test processes. A Go program
// would do, were it not that on a full machine its start may wait for memory, and a microsecond of that
// makes a stall of it; this one has three pages.
func TestRunOfAProgramThatIgnoresEverythingUntilItsTimeIsUp(t *testing.T) {
	cage := NewCageT(t, Limits{Max: 256 * MiB})
	o, err := cage.Run(t.Context(), Spec{
		Target: Target{Path: eatProgram(t, 4096), Ready: says("E")}, Timeout: 5 * time.Second,
	})
	require.NoError(t, err)
	o.RequireVerdict(t, TimedOut)
	require.True(t, o.Evidence.TimedOut)
	require.True(t, o.Evidence.Ready, "it has run")
	require.GreaterOrEqual(t, o.Took, 5*time.Second, "though the last reading is %v old", o.Took-o.Timeline[len(o.Timeline)-1].At)
	require.NoError(t, cage.Close())
	requireNothingLeft(t)
}

// runUntil is a run whose time is up when the spec says so, by calling timeIsUp in a probe or a step: no
// time that is fixed is long enough on every busy machine.
func runUntil(t *testing.T, l Limits, spec func(timeIsUp func()) Spec) *Outcome {
	t.Helper()
	return runInUntil(t, NewCageT(t, l), spec)
}

// runInUntil is runUntil in a cage that is there.
func runInUntil(t *testing.T, cage *Cage, spec func(timeIsUp func()) Spec) *Outcome {
	t.Helper()
	ctx, end := context.WithCancelCause(t.Context())
	defer end(nil)
	s := spec(func() { end(errTimeout) })
	s.Name, s.Limits = t.Name(), cage.asked
	o, p, err := cage.observe(ctx, s, time.Now())
	o, err = finish(t.Context(), o, p, err, cage.Close())
	require.NoError(t, err)
	record(t, o)
	return o
}

func server(t *testing.T, args ...string) Target {
	t.Helper()
	target := as(t, "serve", append([]string{"$ADDR"}, args...)...)
	target.Ready = HTTPReady("/ready")
	return target
}

func TestStepsAreCountedUntilTheKill(t *testing.T) {
	o := RunT(t, Spec{Target: server(t), Limits: Limits{Max: 100 * MiB},
		Load: Load{Step: HTTPPost("/eat/20971520"), Bytes: 20 * MiB}})
	o.RequireVerdict(t, OOMKilled)
	o.RequirePredicted(t)
	require.InEpsilon(t, int64(20*MiB), int64(o.Measured.Step), 0.1)
	require.Empty(t, o.Differs())
	require.Equal(t, []int{o.Attempted}, stepsOf(o.Evidence.KillTimes))
	require.Equal(t, o.Acknowledged+1, o.Attempted)
	require.Contains(t, o.Error, "step")
	requireTimeline(t, o)
}

func stepsOf(kills []outcome.KillTime) []int {
	var steps []int
	for _, k := range kills {
		steps = append(steps, k.Step)
	}
	return steps
}

// requireTimeline asserts that the cage filled step by step, never above its limit.
func requireTimeline(t *testing.T, o *Outcome) {
	t.Helper()
	var ends []int // where each step has just been acknowledged: later readings have a part of the next one
	for i, s := range o.Timeline {
		if i == 0 || o.Timeline[i-1].Step != s.Step {
			ends = append(ends, i)
		}
	}
	require.Len(t, ends, o.Acknowledged+1)
	var at time.Duration
	for i, s := range o.Timeline {
		require.GreaterOrEqual(t, s.At, at, "sample %d", i)
		require.LessOrEqual(t, s.Current, o.Evidence.Limits.Max+Bytes(overshoot))
		at = s.At
	}
	for i := 2; i < len(ends); i++ { // the first reading is from before it was ready
		require.InEpsilon(t, float64(o.Spec.Load.Bytes), float64(o.Timeline[ends[i]].Current-o.Timeline[ends[i-1]].Current), 0.15, "step %d", i)
	}
}

func TestALoadThatEndsBeforeTheLimitIsSurvived(t *testing.T) {
	o := RunT(t, Spec{Target: server(t), Limits: Limits{Max: 200 * MiB},
		Load: Load{Step: HTTPGet("/eat/1048576"), Count: 5, Bytes: MiB}})
	o.RequireVerdict(t, Survived)
	o.RequireAcknowledged(t, 5, 5)
	require.Equal(t, 5, o.Attempted)
	require.NotNil(t, o.Predicted)
	require.Greater(t, o.Predicted.Lo, 5)
}

func TestATargetThatTakesNoStepHasNotSurvived(t *testing.T) {
	o := RunT(t, Spec{Target: server(t), Load: Load{Step: HTTPPost("/refuse"), Count: 3}})
	o.RequireVerdict(t, Inconclusive)
	require.Contains(t, o.Why, "nothing was loaded: it acknowledged no step; step 1 was not acknowledged")
	o.RequireAcknowledged(t, 0, 0)
	require.Equal(t, 1, o.Attempted)
	require.Contains(t, o.Error, "500 Internal Server Error: no more of this")
}

func TestATargetThatHangsInAStepIsGivenUpWhenTheTimeIsUp(t *testing.T) {
	for _, path := range []string{"/hang", "/half"} {
		o := runUntil(t, Limits{}, func(timeIsUp func()) Spec {
			hang := HTTPPost(path)
			return Spec{Target: server(t), Load: Load{Count: 3, Step: func(ctx context.Context, p *Process, n int) error {
				go func() {
					_ = says("hanging")(ctx, p)
					timeIsUp()
				}()
				return hang(ctx, p, n)
			}}}
		})
		require.True(t, o.Evidence.Ready)
		require.Equal(t, 1, o.Attempted)
		o.RequireAcknowledged(t, 0, 0)
		require.Contains(t, o.Error, errTimeout.Error())
		require.True(t, o.Evidence.TimedOut)
		require.Contains(t, []Verdict{TimedOut, Stalled}, o.Verdict, "the latter if it had to wait for memory: %s", o.Why)
	}
}

func TestAnAnswerThatBreaksOffIsNotAnAcknowledgement(t *testing.T) {
	o := RunT(t, Spec{Target: server(t), Load: Load{Step: HTTPPost("/die"), Count: 3}})
	o.RequireVerdict(t, Killed)
	o.RequireAcknowledged(t, 0, 0)
	require.Equal(t, 1, o.Attempted)
}

// net/http sends an idempotent request again when the connection breaks: golang/go#4677.
func TestNoStepIsEverSentTwice(t *testing.T) {
	for name, step := range map[string]Step{"GET": HTTPGet("/count-and-hang-up"), "POST": HTTPPost("/count-and-hang-up")} {
		counter := filepath.Join(t.TempDir(), name)
		cage := NewCageT(t, Limits{})
		p, err := cage.Start(t.Context(), server(t, counter))
		require.NoError(t, err)
		require.NoError(t, HTTPReady("/ready")(t.Context(), p))
		for n := 1; n <= 10; n++ {
			require.Error(t, step(t.Context(), p, n))
		}
		got, err := os.ReadFile(counter)
		require.NoError(t, err)
		require.Equal(t, "xxxxxxxxxx", string(got), name)
		require.NoError(t, cage.Close())
	}
}

func TestAProbeThatFailsLeavesTheEvidence(t *testing.T) {
	target := as(t, "exit", "3")
	target.Ready = HTTPReady("/")
	o := RunT(t, Spec{Target: target})
	o.RequireVerdict(t, Exited)
	require.False(t, o.Evidence.Ready)
	require.Contains(t, o.Error, "exit code 3")
	require.Nil(t, o.Predicted)

	target = as(t, "idle")
	target.Ready = func(context.Context, *Process) error { return errors.New("not today") }
	o = RunT(t, Spec{Target: target})
	o.RequireVerdict(t, Inconclusive)
	require.Equal(t, "not today", o.Error)
}

func TestALotOfOutputCostsOnlyItsTail(t *testing.T) {
	const printed = 128 * MiB
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	o := RunT(t, Spec{Target: as(t, "shout", strconv.Itoa(int(printed))), Limits: Limits{Max: 64 * MiB}, Timeout: 5 * time.Minute})
	runtime.ReadMemStats(&after)
	o.RequireVerdict(t, Exited)
	require.Less(t, Bytes(after.TotalAlloc-before.TotalAlloc), printed/8, "what the harness took meanwhile, all in all")
	require.Less(t, len(o.Output), tailSize+100)
	require.Contains(t, o.Output, "left out")
	require.Contains(t, o.Output, "the end\n")
}

// A step may end the test, or panic: the cage must not outlive it.
func TestAStepThatEndsItsGoroutineLeavesNothing(t *testing.T) {
	requireCages(t)
	target := as(t, "idle")
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = Run(context.Background(), Spec{Target: target, Load: Load{Step: func(context.Context, *Process, int) error {
			runtime.Goexit()
			return nil
		}}})
	}()
	<-done
	requireNothingLeft(t)
}

// The wait for a target that may be dying must not become a time-out of the run.
func TestATargetThatBreaksAConnectionOffAndLivesIsNotOutOfTime(t *testing.T) {
	hangUp := HTTPPost("/count-and-hang-up")
	o := runUntil(t, Limits{}, func(timeIsUp func()) Spec {
		return Spec{Target: server(t, filepath.Join(t.TempDir(), "count")), Load: Load{Count: 3, Step: func(ctx context.Context, p *Process, n int) error {
			defer patience.AfterFunc(deathGrace/2, timeIsUp) // when the wait has begun, also on a machine that stands still meanwhile
			return hangUp(ctx, p, n)
		}}}
	})
	o.RequireVerdict(t, Inconclusive)
	require.False(t, o.Evidence.TimedOut)
	require.Contains(t, o.Error, "step 1: ")
	o.RequireAcknowledged(t, 0, 0)
}

func TestAPathWithoutASlashIsRefusedAtOnce(t *testing.T) {
	target := server(t)
	target.Ready = HTTPReady("ready")
	o := RunT(t, Spec{Target: target})
	o.RequireVerdict(t, Inconclusive)
	require.Contains(t, o.Error, `write "/ready"`)
}

func TestACancelledRunIsAnErrorAndLeavesNothing(t *testing.T) {
	requireCages(t)
	ctx, cancel := context.WithCancel(t.Context())
	target := as(t, "idle")
	target.Ready = func(ctx context.Context, _ *Process) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	o, err := Run(ctx, Spec{Target: target})
	require.ErrorIs(t, err, context.Canceled)
	require.Nil(t, o)
	requireNothingLeft(t)
}

// A cancelled run has no outcome; that its time is up is no reason to overlook that the target dies.
func TestATargetThatMayBeDyingIsWaitedForUnlessTheRunIsCancelled(t *testing.T) {
	for cause, want := range map[error]time.Duration{context.Canceled: time.Second, errTimeout: time.Second + lateDeathGrace} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(cause) })
			start := time.Now()
			awaitDeath(ctx, &Process{done: make(chan struct{})}, io.ErrUnexpectedEOF)
			require.Equal(t, want, time.Since(start), cause)
		})
	}
}

func TestARunPastMemoryHighStalls(t *testing.T) {
	o := runUntil(t, Limits{High: 30 * MiB}, func(timeIsUp func()) Spec {
		return Spec{Target: as(t, "eat", "100000000"), Load: Load{Step: func(ctx context.Context, p *Process, n int) error {
			defer timeIsUp()
			return untilThrottled(ctx, p, n)
		}}}
	})
	o.RequireVerdict(t, Stalled)
	require.Positive(t, o.Evidence.Events.High)
	o.RequireOOMKills(t, 0)
}

func TestALeftCageIsNamedAndClosed(t *testing.T) {
	requireCages(t)
	c, err := NewCage(t.Context(), Limits{})
	require.NoError(t, err)
	_, err = c.Start(t.Context(), as(t, "idle"))
	require.NoError(t, err)
	left := findLeft()
	require.NotEmpty(t, left)
	require.Contains(t, left[0], c.Path()+" was not closed (")
	requireNothingLeft(t)
}

// Timing is loose here: a guest is slow, and its target is to be there when the time is up. That it ends at all is what is tested,
// and what it says.
func TestARunEndsInTimeWhateverAStepOrAProbeDoes(t *testing.T) {
	const limit = 10 * time.Second
	forever := make(chan struct{})
	t.Cleanup(func() { close(forever) })
	deaf := func(context.Context, *Process, int) error { <-forever; return errors.New("too late") }
	for name, c := range map[string]struct {
		ready Probe
		step  Step
		want  string
	}{
		"a step that returns ctx.Err()": {nil, func(ctx context.Context, _ *Process, _ int) error { <-ctx.Done(); return ctx.Err() }, "step 1: the run's time is up: context deadline exceeded"},
		"a deaf step":                   {nil, deaf, "step 1: it does not heed its context: the run's time is up"},
		"a deaf probe":                  {func(ctx context.Context, p *Process) error { return deaf(ctx, p, 0) }, deaf, "the probe: it does not heed its context: the run's time is up"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait
			cage := NewCageT(t, Limits{})
			target := as(t, "idle")
			target.Ready = c.ready
			o, err := cage.Run(t.Context(), Spec{Target: target, Load: Load{Step: c.step}, Timeout: limit})
			require.NoError(t, err)
			require.Contains(t, o.Error, c.want)
			require.True(t, o.Evidence.TimedOut)
			require.Contains(t, []Verdict{TimedOut, Stalled}, o.Verdict, o.Why)
			require.Less(t, o.Took, limit+deathGrace)
		})
	}
}

func TestACancelledRunSaysWhichStepDidNotHeedThat(t *testing.T) {
	requireCages(t)
	ctx, cancel := context.WithCancel(t.Context())
	forever := make(chan struct{})
	t.Cleanup(func() { close(forever) })
	_, err := Run(ctx, Spec{Target: as(t, "idle"), Load: Load{Step: func(context.Context, *Process, int) error {
		cancel()
		<-forever
		return nil
	}}})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "step 1: it does not heed its context")
}
