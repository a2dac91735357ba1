package harness

import (
	"context"
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stopped is a run of one step that does nothing, behind which the target is asked to end.
func stopped(t *testing.T, with Stop, role string, args ...string) *Outcome {
	t.Helper()
	target := as(t, role, args...)
	target.Ready = OutputReady(regexp.MustCompile("^(at your service|idle|ate .*)$"))
	return RunT(t, Spec{Target: target, Limits: Limits{Max: 64 * MiB}, Load: aStep(), Stop: &with})
}

func TestATargetThatIsAskedToEndDoes(t *testing.T) {
	o := stopped(t, Stop{}, "graceful", "0", "4096")
	o.RequireVerdict(t, Survived)
	o.RequireCleanStop(t)
	require.Equal(t, Stop{Signal: "SIGTERM", Grace: 10 * time.Second}, o.Evidence.Stop.Stop)
	require.True(t, o.Evidence.Stop.Ended)
	require.Positive(t, o.Evidence.Stop.At)
	require.Positive(t, o.Evidence.Stop.Took)
	require.Equal(t, "exit code 0", o.Evidence.Status.String())
	require.Contains(t, o.Output, "told: terminated")
	require.False(t, o.Evidence.HarnessKilled)
	require.Equal(t, &Stop{}, o.Spec.Stop)
	require.Equal(t, &Stop{}, SpecOf(o.Spec).Stop)
	requireNothingLeft(t)
}

func TestAnotherSignalAndAnotherCodeAreKept(t *testing.T) {
	o := stopped(t, Stop{Signal: "SIGINT", Grace: 20 * time.Second}, "graceful", "7", "4096")
	o.RequireVerdict(t, Survived)
	require.Equal(t, 7, o.Evidence.Status.Code)
	require.Contains(t, o.Output, "told: interrupt")
	require.Regexp(t, "; SIGINT made it end in .* with exit code 7", o.Why)
}

func TestATargetThatTheSignalItselfEndsHasSurvived(t *testing.T) {
	o := stopped(t, Stop{}, "eat", "4096")
	o.RequireVerdict(t, Survived)
	require.Equal(t, "SIGTERM", o.Evidence.Status.Signal)
	require.Regexp(t, "; SIGTERM ended it in .*, not by itself", o.Why)
}

func TestATargetThatIgnoresTheSignalIsKilledInTheEndAndThatIsSaid(t *testing.T) {
	o := stopped(t, Stop{Grace: time.Second}, "idle")
	o.RequireVerdict(t, Survived)
	require.Contains(t, o.Why, "; SIGTERM did not end it within its grace of 1s")
	require.False(t, o.Evidence.Stop.Ended)
	require.False(t, o.Evidence.Stop.TimeUp)
	require.GreaterOrEqual(t, o.Evidence.Stop.Took, time.Second)
	require.False(t, o.Evidence.Status.Ended)
	requireNothingLeft(t)
}

func TestATargetThatTakesTooMuchInItsShutdownIsOOMKilled(t *testing.T) {
	o := stopped(t, Stop{Grace: 20 * time.Second}, "graceful", "0", "100000000")
	o.RequireVerdict(t, OOMKilled)
	o.RequireOOMKills(t, 1)
	require.Regexp(t, "^killed by its own limit: .*, after step 1; that was in its shutdown, .* after SIGTERM", o.Why)
	require.True(t, o.Evidence.Stop.Ended)
}

func TestWithoutALoadATargetIsAskedToEndOnceItIsReady(t *testing.T) {
	target := as(t, "graceful", "0", "4096")
	target.Ready = OutputReady(regexp.MustCompile("^at your service$"))
	o := RunT(t, Spec{Target: target, Stop: &Stop{}})
	o.RequireCleanStop(t)
	require.Zero(t, o.Attempted)

	target.Ready = nil
	_, err := Run(t.Context(), Spec{Target: target, Stop: &Stop{}})
	require.ErrorContains(t, err, "neither a Load.Step nor a Target.Ready")
}

func TestWhatEndsOrIsNeverReadyOrHasNoTimeLeftIsNotAskedToEnd(t *testing.T) {
	died := RunT(t, Spec{Target: as(t, "exit", "3"), Load: Load{Step: func(ctx context.Context, p *Process, _ int) error {
		_, err := p.Wait(ctx)
		return err
	}}, Stop: &Stop{}})
	died.RequireVerdict(t, Exited)
	require.Nil(t, died.Evidence.Stop)

	target := as(t, "idle")
	target.Ready = func(context.Context, *Process) error { return errors.New("no") }
	unready := RunT(t, Spec{Target: target, Load: aStep(), Stop: &Stop{Grace: time.Second}, Timeout: 20 * time.Second})
	unready.RequireVerdict(t, Inconclusive)
	require.Nil(t, unready.Evidence.Stop)

	late := runUntil(t, Limits{}, func(timeIsUp func()) Spec {
		return Spec{Target: as(t, "idle"), Load: Load{Step: func(ctx context.Context, _ *Process, n int) error {
			if n > 1 {
				timeIsUp()
			}
			return nil
		}}, Stop: &Stop{}}
	})
	require.True(t, late.Evidence.TimedOut)
	require.Nil(t, late.Evidence.Stop)
}

func TestAGraceEndsWithTheRunsTime(t *testing.T) {
	o := runUntil(t, Limits{}, func(timeIsUp func()) Spec {
		target := as(t, "stubborn")
		target.Ready = OutputReady(regexp.MustCompile("^at your service$"))
		step := Load{Count: 1, Step: func(_ context.Context, p *Process, _ int) error {
			go func() {
				_ = says("told:")(t.Context(), p) // the load's is over by then
				timeIsUp()
			}()
			return nil
		}}
		return Spec{Target: target, Load: step, Stop: &Stop{Grace: 30 * time.Second}}
	})
	o.RequireVerdict(t, Survived)
	require.True(t, o.Evidence.Stop.TimeUp)
	require.Contains(t, o.Why, "when the run's time was up, before its grace of 30s was")
	require.Less(t, o.Evidence.Stop.Took, 30*time.Second)
}
