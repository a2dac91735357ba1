package harness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/outcome"
)

func TestATargetThatDiesIsStartedAgainAndTheLoadGoesOn(t *testing.T) {
	dir := t.TempDir()
	target := server(t, dir)
	target.Restart = 2
	o := RunT(t, Spec{Target: target, Limits: Limits{Max: 64 * MiB}, Load: Load{Step: HTTPPost("/count/8388608"), Bytes: 8 * MiB, Count: 18}})
	o.RequireVerdict(t, Survived)
	require.NotEmpty(t, o.Lives)
	acknowledged, attempted := o.Steps()
	require.Equal(t, 18, attempted)
	for _, life := range o.Lives {
		require.Equal(t, OOMKilled, life.Verdict)
		require.EqualValues(t, 1, life.Events.OOMKill, "counters are of one life")
		require.True(t, life.Predicted.Contains(life.Acknowledged), "%s of %s", life, life.Predicted)
		require.Equal(t, life.Attempted, life.Acknowledged+life.Failed+life.InFlight)
	}
	require.Zero(t, o.Evidence.Events.OOMKill)
	require.Contains(t, o.Why, ", after step 18 of the whole load; it was started again ")
	require.NotContains(t, o.Why, "64.0 of 64.0 MiB", "that was in an earlier life")
	require.Contains(t, o.String(), fmt.Sprintf("%d acknowledged of 18 attempted, in %d lives\n", acknowledged, len(o.Lives)+1))
	require.Len(t, o.Outages, len(o.Lives), "each death is one")
	o.RequireRecovered(t, time.Minute)
	o.RequireNoLoss(t, notesOf(t, dir, "taken"))
	require.LessOrEqual(t, acknowledged, notesOf(t, dir, "taken"))
}

func TestATargetThatDiesOfEachLifeStaysDead(t *testing.T) {
	target := server(t)
	target.Restart = 1
	o := RunT(t, Spec{Target: target, Limits: Limits{Max: 64 * MiB}, Load: Load{Step: HTTPPost("/eat/20971520"), Bytes: 20 * MiB}})
	o.RequireVerdict(t, OOMKilled)
	require.Len(t, o.Lives, 1)
	require.Len(t, o.Outages, 2)
	require.False(t, o.Outages[1].Over())
	require.Equal(t, o.Lives[0].Attempted+o.Attempted, o.Outages[1].Step, "steps are counted through all lives")
	require.Contains(t, o.String(), "1 of 2, until ")
}

// What follows from an outcome is added once, also where it is the last one since the target could not be started again.
func TestATargetThatCannotBeStartedAgainHasTheOutcomeOfItsLastLife(t *testing.T) {
	const size = 8 * MiB
	target := saying(t, "idle", "idle")
	executable := target.Path
	target.Path, target.Restart = filepath.Join(t.TempDir(), "target"), 1
	require.NoError(t, os.Symlink(executable, target.Path))
	o := RunT(t, Spec{Target: target, Limits: Limits{Max: 64 * MiB}, Load: Load{Bytes: size, Count: 9, Tolerate: 1, Step: func(ctx context.Context, p *Process, n int) error {
		if n == 1 {
			return &HTTPStatusError{Code: http.StatusServiceUnavailable}
		}
		return errors.Join(os.Remove(target.Path), killedFromOutside(ctx, p, n))
	}}})
	o.RequireVerdict(t, Killed)
	require.Empty(t, o.Lives)
	require.Contains(t, o.Error, "it could not be started again: ")
	require.Equal(t, 1, o.Failed)
	all := outcome.Predict(o.Baseline, o.Evidence.Limits, size)
	require.Equal(t, outcome.Prediction{Lo: all.Lo - 1, Hi: all.Hi}, *o.Predicted, "the failed step may have taken memory")
}

// A target that dies as soon as it has begun is being started for much of the time.
func TestATimeThatIsUpWhileATargetIsStartedAgainCostsNoOutcome(t *testing.T) {
	const limit = 3 * time.Second
	target := as(t, "exit", "3")
	target.Restart = 9
	cage, starts := NewCageT(t, Limits{Max: 64 * MiB}), 0
	cage.watch = func(file string) (<-chan struct{}, func(), error) {
		if starts++; starts == 2 {
			<-time.After(limit)
		}
		return cgroup.Watch(file)
	}
	o := mustRun(t, cage, Spec{Target: target, Timeout: limit})
	require.Equal(t, 2, starts)
	o.RequireVerdict(t, Exited)
	require.Equal(t, 3, o.Evidence.Status.Code)
	require.Empty(t, o.Lives)
	require.Empty(t, o.Error)
}

// A change of the schedule comes once, and where it was not due in one life it comes in the next.
func TestASchedulesChangesComeOnceInAllLives(t *testing.T) {
	target := server(t)
	target.Restart = 1
	first, then := outcome.Change{Step: 1, Limit: "max", To: 48 * MiB}, outcome.Change{Step: 7, Limit: "max", To: 200 * MiB}
	o := RunT(t, Spec{
		Target: target, Limits: Limits{Max: 128 * MiB}, Schedule: outcome.Schedule{first, then},
		Load: Load{Step: HTTPPost("/eat/8388608"), Bytes: 8 * MiB, Count: 18},
	})
	o.RequireVerdict(t, Survived)
	require.Len(t, o.Lives, 1)
	require.Less(t, o.Lives[0].Acknowledged, 7, "it was killed at the lower limit")
	require.Equal(t, outcome.Schedule{first, then}, o.Spec.Schedule)
	require.Len(t, o.Evidence.Applied, 1)
	require.Equal(t, 200*MiB, o.Evidence.Applied[0].To)
	require.Equal(t, 7-o.Lives[0].Acknowledged, o.Evidence.Applied[0].Acked)
	require.Equal(t, then, o.Evidence.Applied[0].Change, "as it was asked for")
	require.Equal(t, 48*MiB, o.Evidence.Limits.Max, "with which the life began")
	for _, why := range []string{o.Why, o.Lives[0].Why} {
		require.NotContains(t, why, "never came")
		require.NotContains(t, why, "was changed")
	}
	require.True(t, o.Lives[0].Predicted.Contains(o.Lives[0].Acknowledged), "%s of %s", o.Lives[0], o.Lives[0].Predicted)
}

// TMPDIR stays, and processes do not, even those that have left the target's process group.
func TestALifeFindsTheFilesOfTheOneBeforeAndNotItsProcesses(t *testing.T) {
	target := as(t, "lives")
	target.Restart = 2
	o := RunT(t, Spec{Target: target, Limits: Limits{Max: 64 * MiB}})
	o.RequireVerdict(t, Exited)
	require.Contains(t, o.Output, "life 3\n")
	require.Len(t, o.Lives, 2)
	require.Equal(t, 3, o.Lives[0].Status.Code)
	requireNothingLeft(t)
}

func TestATargetThatEndsWellIsNotStartedAgain(t *testing.T) {
	target := as(t, "exit", "0")
	target.Restart = 5
	o := RunT(t, Spec{Target: target, Limits: Limits{Max: 64 * MiB}})
	require.Empty(t, o.Lives)
}

// overdue is a context whose time is up by the clock, and whose timer has yet to fire.
type overdue struct{ context.Context }

// Deadline has passed.
func (overdue) Deadline() (time.Time, bool) { return time.Now().Add(-time.Second), true }

// On a machine that had stood still, a life began after the time was up, and was the outcome.
func TestATimeThatIsUpIsUpThoughItsTimerIsLate(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(time.Millisecond, func() { cancel(errTimeout) })
	require.ErrorIs(t, endOf(overdue{ctx}), errTimeout)
	require.NoError(t, endOf(t.Context()))
}
