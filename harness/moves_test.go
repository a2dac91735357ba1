package harness

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
)

// These targets are not where they were put, or not under the limits that they were given.

func acknowledged(context.Context, *Process, int) error { return nil }

func TestATargetThatLeftItsCageHasNotSurvivedIt(t *testing.T) {
	elsewhere := NewCageT(t, Limits{})
	target := saying(t, "ate", "moving", elsewhere.Path(), "100000000")
	o := RunT(t, Spec{Target: target, Limits: Limits{Max: 50 * MiB}, Load: Load{Count: 3, Step: acknowledged}})
	o.RequireVerdict(t, Inconclusive)
	require.Contains(t, o.Why, "not in its cage any more, but in "+elsewhere.group.Name())
	require.Equal(t, elsewhere.group.Name(), o.Evidence.Moves[len(o.Evidence.Moves)-1].Group)
}

func TestATargetThatIsKilledElsewhereSaysNothingOfItsCage(t *testing.T) {
	elsewhere := NewCageT(t, Limits{Max: 50 * MiB})
	o := RunT(t, Spec{Target: as(t, "moving", elsewhere.Path(), "100000000"), Limits: Limits{Max: 60 * MiB}})
	o.RequireVerdict(t, Inconclusive)
	o.RequireOOMKills(t, 0)
	require.Equal(t, sigkill, o.Evidence.Status)
	require.Contains(t, o.Why, elsewhere.group.Name())
	m, err := elsewhere.Memory()
	require.NoError(t, err)
	require.EqualValues(t, 1, m.Events.OOMKill, "the lie was staged")
}

func TestATargetThatWasAwayForATimeHasNotSurvived(t *testing.T) {
	elsewhere, seen := NewCageT(t, Limits{}), filepath.Join(t.TempDir(), "seen")
	target := saying(t, "away", "returning", elsewhere.Path(), "100000000", seen)
	o := RunT(t, Spec{Target: target, Limits: Limits{Max: 50 * MiB}, Load: Load{Count: 2, Step: func(ctx context.Context, p *Process, n int) error {
		if n == 1 { // the reading after the probe has seen it
			return os.WriteFile(seen, nil, 0o600)
		}
		return says("back")(ctx, p)
	}}})
	o.RequireVerdict(t, Inconclusive)
	require.Contains(t, o.Why, "not all of the time in its cage: it was in "+elsewhere.group.Name())
	require.Len(t, o.Evidence.Moves, 2)
}

func TestALimitThatTheTargetRaisedIsNotTheOneThatItSurvived(t *testing.T) {
	o := RunT(t, Spec{Target: saying(t, "ate", "limiting", "max", "100000000"), Limits: Limits{Max: 50 * MiB}, Load: Load{Count: 1, Step: acknowledged}})
	o.RequireVerdict(t, Survived)
	require.Contains(t, o.Why, " MiB, no memory.max")
	require.Contains(t, o.Why, "memory.max was changed during the run, from 50.0 MiB to max")
	require.Equal(t, 50*MiB, o.Evidence.Limits.Max, "what was in force before")
}

func TestALimitThatTheTargetLoweredIsTheOneThatKilledIt(t *testing.T) {
	o := RunT(t, Spec{Target: as(t, "limiting", "20971520", "100000000"), Limits: Limits{Max: 50 * MiB}})
	o.RequireVerdict(t, OOMKilled)
	require.Contains(t, o.Why, " of 20.0 MiB")
	require.Contains(t, o.Why, "from 50.0 MiB to 20.0 MiB")
}

func TestALimitThatIsChangedFromOutsideIsSeen(t *testing.T) {
	o := RunT(t, Spec{Target: saying(t, "idle", "idle"), Limits: Limits{Max: 50 * MiB}, Load: Load{Count: 2, Step: func(_ context.Context, p *Process, n int) error {
		if n == 1 {
			return p.Cage().group.Write("memory.high", "41943040")
		}
		return p.Cage().group.Write("memory.max", "62914560")
	}}})
	o.RequireVerdict(t, Survived)
	require.Contains(t, o.Why, " of 60.0 MiB")
	require.Contains(t, o.Why, "memory.high was changed during the run, from max to 40.0 MiB")
	for _, c := range o.Evidence.LimitChanges {
		require.GreaterOrEqual(t, c.At, time.Duration(0))
		require.LessOrEqual(t, c.At, o.Took)
		require.Equal(t, o.Evidence.Cage, c.Group)
	}
	require.Len(t, o.Evidence.LimitChanges, 2)
}

func TestATargetInACgroupOfItsOwnMakingIsKilledByTheCagesLimit(t *testing.T) {
	o := RunT(t, Spec{Target: as(t, "nesting", "max", "100000000"), Limits: Limits{Max: 50 * MiB}})
	o.RequireVerdict(t, OOMKilled)
	require.Equal(t, o.Evidence.Cage+"/pod/inner", o.Evidence.Below[0].Path)

	blind := o.Evidence // as where the kernel log is closed
	blind.Kills, blind.UnplacedKills, blind.Unread = nil, 0, map[outcome.Source]string{outcome.KernelLog: "permission denied"}
	requireClassified(t, OOMKilled, blind)
	require.EqualValues(t, 1, blind.Below[0].EventsLocal.OOMKill)
	require.Zero(t, blind.EventsLocal.OOMKill)
}

func TestALimitOfTheTargetsOwnMakingIsNotTheCages(t *testing.T) {
	o := RunT(t, Spec{Target: as(t, "nesting", "31457280", "100000000"), Limits: Limits{Max: 60 * MiB}})
	o.RequireVerdict(t, Inconclusive)
	require.Contains(t, o.Why, "/pod/inner")
	blind := o.Evidence
	blind.Kills, blind.Unread = nil, map[outcome.Source]string{outcome.KernelLog: "permission denied"}
	v, why := outcome.Classify(blind)
	require.Equal(t, Inconclusive, v)
	require.Contains(t, why, "/pod/inner (memory.max 30.0 MiB), which is below the cage")
}

func TestAThreadThatTheLogNamesIsTheTarget(t *testing.T) {
	awaitPlacesInTheLog(t, 1)
	o := RunT(t, Spec{Target: as(t, "leaderless", "100000000"), Limits: Limits{Max: 50 * MiB}})
	o.RequireVerdict(t, OOMKilled)
	o.RequireOOMKills(t, 1)
	kill := requireOneKill(t, o)
	require.Equal(t, o.Evidence.PID, kill.PID)
	require.NotZero(t, kill.Thread)
	require.NotEqual(t, o.Evidence.PID, kill.Thread)
}

func TestAProcessWithTheTargetsMemoryTakesTheTargetAlong(t *testing.T) {
	requireKernelLog(t)
	awaitPlacesInTheLog(t, 1)
	o := RunT(t, Spec{Target: as(t, "sharing", "100000000"), Limits: Limits{Max: 50 * MiB}})
	require.Len(t, o.Evidence.Kills, 1)
	other := o.Evidence.Kills[0]
	require.NotEqual(t, o.Evidence.PID, other.PID, "the lie was staged")
	_, err := unix.Wait4(other.PID, nil, 0, nil) // CLONE_PARENT made it a child of this process
	require.NoError(t, err)
	o.RequireVerdict(t, OOMKilled)
	o.RequireOOMKills(t, 1)
	require.Contains(t, o.Why, "which has the same memory")
}

func TestATargetThatCannotBeKilledIsStuckAtItsLimit(t *testing.T) {
	target := as(t, "eat", "100000000")
	shield(t, &target)
	o := runUntil(t, Limits{Max: 50 * MiB}, func(timeIsUp func()) Spec {
		return Spec{Target: target, Load: Load{Step: func(ctx context.Context, p *Process, _ int) error {
			defer timeIsUp()
			return untilCounted(ctx, p.Cage(), func(e Events) bool { return e.OOM > 0 })
		}}}
	})
	o.RequireVerdict(t, Stalled)
	o.RequireOOMKills(t, 0)
	require.Contains(t, o.Why, "stuck at its own limit")
	require.Contains(t, o.Why, "-1000")
}

// systemd-oomd is played by the step: what it leaves is all that can be seen of it.
func TestAKillBySystemdOomdIsNamed(t *testing.T) {
	cage := NewCageT(t, Limits{Max: 50 * MiB})
	mark := func(group, name, value string) error { return unix.Setxattr(group, "user."+name, []byte(value), 0) }
	require.NoError(t, mark(cage.Path(), "oomd_ooms", "1"), "of an earlier run")
	require.NoError(t, mark(cage.Path(), "oomd_kill", "4"))
	mustRun(t, cage, Spec{Target: saying(t, "idle", "idle"), Load: Load{Step: killedFromOutside}}).RequireVerdict(t, Killed)

	o := mustRun(t, cage, Spec{Target: saying(t, "idle", "idle"), Load: Load{Step: func(ctx context.Context, p *Process, n int) error {
		if err := mark(cage.Path(), "oomd_ooms", "2"); err != nil {
			return err
		}
		defer func() { require.NoError(t, mark(cage.Path(), "oomd_kill", "7")) }()
		return killedFromOutside(ctx, p, n)
	}}})
	o.RequireVerdict(t, Killed)
	require.Contains(t, o.Why, "systemd-oomd chose "+cage.group.Name()+" and killed 3 processes there")
	require.Contains(t, o.Why, "no kernel OOM killer")
	require.Equal(t, []outcome.DaemonKill{{By: "systemd-oomd", Group: cage.group.Name(), OOMs: 1, Kills: 3}}, o.Evidence.DaemonKills)
}

func TestPressureThatIsNotMeasuredIsUnknown(t *testing.T) {
	cage := NewCageT(t, Limits{Max: 50 * MiB})
	if has, err := cage.group.Has("cgroup.pressure"); err != nil || !has {
		t.Skipf("pressure cannot be switched off here: %v: Linux 6.1 is needed", err)
	}
	require.NoError(t, cage.group.Write("cgroup.pressure", "0"))
	o := runInUntil(t, cage, func(timeIsUp func()) Spec {
		return Spec{Target: saying(t, "idle", "idle"), Load: Load{Step: func(context.Context, *Process, int) error {
			timeIsUp()
			return nil
		}}}
	})
	o.RequireVerdict(t, TimedOut)
	require.Contains(t, o.Why, "memory pressure is unknown")
	require.NotContains(t, o.Why, "no pressure")
	require.Contains(t, o.Evidence.Unread[outcome.PressureFile], "cgroup.pressure is 0")
	require.Contains(t, o.String(), "pressure   unknown")
}
