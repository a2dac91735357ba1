package harness

import (
	"context"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a target can do wrong besides taking memory. Some of that is in run_test.go: it says no, it hangs
// in the middle of an answer, it breaks a connection off.

// A signal that has any effect would be what ends it.
func TestATargetThatIgnoresSIGTERMIsKilled(t *testing.T) {
	cage := NewCageT(t, Limits{})
	p, err := cage.Start(t.Context(), as(t, "idle"))
	require.NoError(t, err)
	require.NoError(t, says("idle")(t.Context(), p))
	require.NoError(t, p.Signal(syscall.SIGTERM))
	require.NoError(t, cage.Close())
	require.Equal(t, "SIGKILL", p.Status().Signal)
	requireNothingLeft(t)
}

// On a full machine the kernel may have to make room for the stacks of all that is forked, and a
// microsecond of that makes a stall of it.
func TestATargetThatForksWithoutEndIsGivenUpWhenTheTimeIsUp(t *testing.T) {
	o := runUntil(t, pidsMax(8), func(timeIsUp func()) Spec {
		return Spec{Target: Target{Path: forkBomb(t)}, Load: Load{Step: func(ctx context.Context, p *Process, _ int) error {
			defer timeIsUp()
			return untilFull(ctx, p.Cage())
		}}}
	})
	require.Equal(t, 1, o.Acknowledged)
	require.True(t, o.Evidence.TimedOut)
	require.Contains(t, []Verdict{TimedOut, Stalled}, o.Verdict, o.Why)
	o.RequireOOMKills(t, 0)
	requireNothingLeft(t)
}

func TestATargetThatClosesItsPortHasSurvived(t *testing.T) {
	o := RunT(t, Spec{Target: server(t), Load: Load{Step: HTTPPost("/close-port"), Count: 3}})
	o.RequireVerdict(t, Survived)
	o.RequireAcknowledged(t, 1, 1)
	require.Contains(t, o.Error, "step 2: ")
	require.Contains(t, o.Error, syscall.ECONNREFUSED.Error())
	requireNothingLeft(t)
}
