package harness

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func idleStep(context.Context, *Process, int) error { return nil }

// A container runtime that has ended leaves controllers passed on, and the kernel lets no process into such a cgroup.
func TestACageCanBeRunInAgainAfterATargetMadeCgroupsInIt(t *testing.T) {
	cage := NewCageT(t, Limits{Max: 50 * MiB})
	for range 3 {
		mustRun(t, cage, Spec{Target: as(t, "nesting", "max", "100000000")}).RequireVerdict(t, OOMKilled)
	}
	parent := NewCageT(t, Limits{Max: 50 * MiB})
	mustChild(t, parent, "child", Limits{})
	for range 3 {
		mustRun(t, parent, Spec{Target: as(t, "nesting", "max", "100000000")}).RequireVerdict(t, OOMKilled)
	}
}

func TestWhatRunsBelowACageIsNamedWhereItKeepsOthersOut(t *testing.T) {
	cage := NewCageT(t, Limits{})
	p, err := cage.Start(t.Context(), as(t, "nesting", "max", "1"))
	require.NoError(t, err)
	require.NoError(t, says("ate")(t.Context(), p))
	_, err = cage.Run(t.Context(), Spec{Target: as(t, "exit", "0")})
	require.ErrorContains(t, err, "/pod/inner (harness.test[")
	require.ErrorContains(t, err, "needs the end of what runs in")
}

// Since Linux 6.19 a process may be in its cgroup for a moment after its end has been told, where nothing lists it: a cage that it
// was in takes children all the same.
func TestACageTakesChildrenAsSoonAsItsTargetHasEnded(t *testing.T) {
	for range 20 {
		cage := NewCageT(t, Limits{})
		p, err := cage.Start(t.Context(), as(t, "exit", "0"))
		require.NoError(t, err)
		_, err = p.Wait(t.Context())
		require.NoError(t, err)
		mustChild(t, cage, "child", Limits{})
		require.NoError(t, cage.Close())
	}
}

func TestWhatEachRunOfACageLeavesOnTmpfsIsNamedInIt(t *testing.T) {
	cage := NewCageT(t, Limits{Max: 64 * MiB})
	for range 20 {
		file := filepath.Join("/dev/shm", "left-again-"+strconv.Itoa(os.Getpid()))
		o := mustRun(t, cage, Spec{Target: as(t, "map", file, strconv.Itoa(20<<20))})
		o.RequireVerdict(t, Exited)
		require.NoError(t, os.Remove(file))
		require.InDelta(t, 20<<20, int64(o.Left.Shmem), 1<<20)
	}
}

func TestALimitThatAnEarlierRunChangedIsNamed(t *testing.T) {
	cage := NewCageT(t, Limits{Max: 50 * MiB})
	first := mustRun(t, cage, Spec{Target: saying(t, "ate", "limiting", "209715200", "1"), Load: Load{Step: idleStep, Count: 1}})
	require.Contains(t, first.Why, "memory.max was changed during the run")
	for range 2 {
		o := mustRun(t, cage, Spec{Target: saying(t, "ate", "eat", "100000000"), Load: Load{Step: idleStep, Count: 1}})
		o.RequireVerdict(t, Survived)
		require.Contains(t, o.Why, " of 200.0 MiB")
		require.Contains(t, o.Why, "memory.max was changed since the cage was made, before the run, from 50.0 MiB to 200.0 MiB")
	}
}
