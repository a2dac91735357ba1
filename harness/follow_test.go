package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// daemon is a target that ends when a server which it has left behind listens.
func daemon(t *testing.T) Target {
	t.Helper()
	target := as(t, "daemon-parent", "$ADDR")
	target.Ready = TCPReady()
	return target
}

// onceItsParentHasEnded is a step that waits for that first.
func onceItsParentHasEnded(step Step) Step {
	return func(ctx context.Context, p *Process, n int) error {
		if _, err := p.Wait(ctx); err != nil {
			return err
		}
		return step(ctx, p, n)
	}
}

func TestTheLoadOfADaemonGoesOnWhenItsParentHasEnded(t *testing.T) {
	o := RunT(t, Spec{
		Target: daemon(t), Limits: Limits{Max: 256 * MiB},
		Load: Load{UntilEmpty: true, Count: 3, Step: onceItsParentHasEnded(HTTPGet("/eat/1048576"))},
	})
	o.RequireVerdict(t, Survived)
	o.RequireAcknowledged(t, 3, 3)
	require.Equal(t, "exit code 0", o.Evidence.Status.String())
	require.NotNil(t, o.Evidence.Followed)
	require.Len(t, o.Evidence.Followed.Left, 1)
	require.Zero(t, o.Evidence.Followed.EmptyAt)
	require.Regexp(t, `^alive when the load ended: .*; that is .*\[\d+\], as the target itself had ended with exit code 0, after step 3`, o.Why)
	require.Empty(t, o.Evidence.LeftRunning)
	require.True(t, o.Spec.Load.UntilEmpty)
	require.True(t, SpecOf(o.Spec).Load.UntilEmpty)
	requireNothingLeft(t)
}

func TestADaemonThatItsLimitKillsIsOOMKilled(t *testing.T) {
	o := RunT(t, Spec{
		Target: daemon(t), Limits: Limits{Max: 64 * MiB},
		Load: Load{UntilEmpty: true, Step: onceItsParentHasEnded(HTTPGet("/eat/16777216"))},
	})
	o.RequireVerdict(t, OOMKilled)
	o.RequireOOMKills(t, 1)
	require.Positive(t, o.Acknowledged)
	// Whose it was is known from the kernel log, which not every user may read.
	require.Regexp(t, `^killed by its own limit: .*; that was (.*, which|among what) the target had left when it ended with exit code 0`, o.Why)
	require.Empty(t, o.Evidence.Followed.Left)
	require.Positive(t, o.Evidence.Followed.EmptyAt)
}

func TestWithoutStepsARunIsOverWhenItsCageIsEmpty(t *testing.T) {
	ended := RunT(t, Spec{Target: as(t, "leave", "4096"), Load: Load{UntilEmpty: true}})
	ended.RequireVerdict(t, Exited)
	ended.RequireOOMKills(t, 0)

	killed := RunT(t, Spec{Target: as(t, "leave", "100000000"), Limits: Limits{Max: 64 * MiB}, Load: Load{UntilEmpty: true}})
	killed.RequireVerdict(t, OOMKilled)
	killed.RequireOOMKills(t, 1)

	alone := RunT(t, Spec{Target: as(t, "exit", "3"), Load: Load{UntilEmpty: true}})
	alone.RequireVerdict(t, Exited)
	require.Equal(t, 3, alone.Evidence.Status.Code)
	require.Nil(t, alone.Evidence.Followed)
}

// endTheDaemon ends what is in the role of orphan, once it is followed. A daemon that lives for a moment only may be gone before
// anybody has looked, so this one idles until then.
func endTheDaemon(ctx context.Context, p *Process, _ int) error {
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for {
		pids, _ := p.follows.pids()
		for _, pid := range pids {
			env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)) // it may have ended
			if bytes.Contains(env, []byte(roleVariable+"=orphan\x00")) {
				return errors.Join(unix.Kill(pid, unix.SIGTERM), p.awaitOver(ctx))
			}
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// The process that the target leaves ends as well, and the daemon is what that one has left.
func TestADaemonByTwoForksIsFollowed(t *testing.T) {
	ended := RunT(t, Spec{Target: as(t, "leave-twice", "0"), Load: Load{UntilEmpty: true, Count: 1, Step: endTheDaemon}})
	ended.RequireVerdict(t, Exited)
	require.NotEmpty(t, ended.Evidence.Followed.Processes) // and the one between, where it was seen
	require.Positive(t, ended.Evidence.Followed.EmptyAt)

	killed := RunT(t, Spec{Target: as(t, "leave-twice", "100000000"), Limits: Limits{Max: 64 * MiB}, Load: Load{UntilEmpty: true}})
	killed.RequireVerdict(t, OOMKilled)
	killed.RequireOOMKills(t, 1)
	require.Regexp(t, `; that was (.*, which|among what) the target had left when it ended with exit code 0`, killed.Why)
	requireNothingLeft(t)
}

func TestADaemonIsAskedToEndWithAllOfItsCage(t *testing.T) {
	o := RunT(t, Spec{
		Target: daemon(t), Stop: &Stop{Grace: 20 * time.Second},
		Load: Load{UntilEmpty: true, Count: 1, Step: onceItsParentHasEnded(HTTPGet("/ready"))},
	})
	o.RequireVerdict(t, Survived)
	o.RequireCleanStop(t)
	require.Regexp(t, "; SIGTERM emptied its cage in ", o.Why)
}

func TestADaemonThatLivesPastItsTimeHasTimedOut(t *testing.T) {
	o := runUntil(t, Limits{}, func(timeIsUp func()) Spec {
		return Spec{Target: daemon(t), Load: Load{UntilEmpty: true, Step: onceItsParentHasEnded(func(_ context.Context, _ *Process, n int) error {
			if n > 1 {
				timeIsUp()
			}
			return nil
		})}}
	})
	require.True(t, o.Evidence.TimedOut, "%s", o)
	require.Contains(t, []Verdict{TimedOut, Stalled}, o.Verdict)
	require.Contains(t, o.Why, "as the target itself had ended with exit code 0")
}

func TestWhatIsNotFollowedIsRefused(t *testing.T) {
	_, err := NewCageT(t, Limits{}).Run(t.Context(), Spec{Target: as(t, "idle"), Load: Load{UntilEmpty: true}})
	require.ErrorContains(t, err, "UntilEmpty takes a cage of the run's own")
	err = Spec{Target: Target{Path: "p", Restart: 1}, Load: Load{UntilEmpty: true}}.Validate()
	require.ErrorContains(t, err, "UntilEmpty and Target.Restart are for different programs")
	require.NoError(t, Spec{Target: Target{Path: "p"}, Load: Load{UntilEmpty: true}}.Validate())
}
