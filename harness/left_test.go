package harness

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

func TestWhatIsLeftOnTmpfsIsFoundUntilItIsRemoved(t *testing.T) {
	leave(outcome.Leftover{Shmem: 20 * MiB, On: []string{"/t"}})
	leave(outcome.Leftover{Shmem: 20 * MiB}) // nobody knows where
	t.Cleanup(func() { found(nil) })
	require.Equal(t, outcome.Leftover{Shmem: 20 * MiB, On: []string{"/t"}}, found(map[string]Bytes{"/t": 30 * MiB, "/u": GiB}))
	require.Equal(t, outcome.Leftover{Shmem: 5 * MiB, On: []string{"/t"}}, found(map[string]Bytes{"/t": 5 * MiB}))
	require.Equal(t, outcome.Leftover{Shmem: 5 * MiB, On: []string{"/t"}}, found(map[string]Bytes{"/t": 30 * MiB}), "what others put there is not ours")
	require.Zero(t, found(map[string]Bytes{}))
	require.Equal(t, "20.0 MiB on tmpfs (/t), 4.0 KiB of page cache", outcome.Leftover{Shmem: 20 * MiB, File: 4096, On: []string{"/t"}}.String())
}

// What another run of the cage had left was removed before this one, of which memory.stat may not know yet.
func TestWhatWasRemovedBeforeARunIsNotTakenFromWhatItLeaves(t *testing.T) {
	before := upTo(MiB/2, outcome.MemoryStat{Anon: 4096, File: 21 * MiB, Shmem: 20 * MiB})
	require.Equal(t, outcome.MemoryStat{Anon: 4096, File: MiB / 2, Shmem: MiB / 2}, before)
	require.Equal(t, 20*MiB-MiB/2, outcome.NewLeftover(before, outcome.MemoryStat{File: 20 * MiB, Shmem: 20 * MiB}, outcome.Baseline{CPUs: 1}).Shmem)
}

// A run that starts with what others have left in TMPDIR has less memory, where that is a tmpfs.
func TestRunsThatLitterTheirTMPDIREndAllTheSame(t *testing.T) {
	for range 4 {
		o := RunT(t, Spec{Target: as(t, "litter", "8", "100000000"), Limits: Limits{Max: 64 * MiB}})
		o.RequireVerdict(t, OOMKilled)
		require.Zero(t, o.Found)
		_, dir, _ := strings.Cut(strings.TrimSpace(o.Output), "littered ")
		require.NotEqual(t, os.TempDir(), dir)
		require.NoDirExists(t, filepath.Dir(dir))
	}
}

func TestWhatARunLeavesOnTmpfsIsNamedInItAndInTheNext(t *testing.T) {
	requireCages(t)
	file := filepath.Join("/dev/shm", "left-"+strconv.Itoa(os.Getpid()))
	t.Cleanup(func() { os.Remove(file) })
	s := Spec{Target: as(t, "map", file, strconv.Itoa(20<<20)), Limits: Limits{Max: 64 * MiB}}
	first := RunT(t, s)
	first.RequireVerdict(t, Exited)
	require.InDelta(t, 20<<20, int64(first.Left.Shmem), 1<<20)
	require.Equal(t, []string{"/dev/shm"}, first.Left.On)
	require.Contains(t, first.Why, " on tmpfs (/dev/shm), for which a later run does not pay")
	require.Zero(t, first.Found)

	second := RunT(t, s)
	require.Zero(t, second.Left.Shmem)
	require.Contains(t, second.Why, "earlier runs had left")
	require.NoError(t, os.Remove(file))
	require.Zero(t, RunT(t, Spec{Target: as(t, "exit", "0")}).Found)
}
