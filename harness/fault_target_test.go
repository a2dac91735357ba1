package harness

import (
	"syscall"
	"testing"
	"time"

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

func TestATargetThatForksWithoutEndIsGivenUpWhenTheTimeIsUp(t *testing.T) {
	o := RunT(t, Spec{Target: Target{Path: forkBomb(t)}, Limits: pidsMax(8), Timeout: time.Second})
	o.RequireVerdict(t, TimedOut)
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
