package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Targets that are started at the same time each get what their specs say, and the harness keeps what it has.
func TestATargetWithoutHugePagesHasNoneAndOthersHave(t *testing.T) {
	disabled := func() int {
		n, err := unix.PrctlRetInt(unix.PR_GET_THP_DISABLE, 0, 0, 0, 0)
		require.NoError(t, err)
		return n
	}
	before := disabled()
	always := hugePageSize("/sys/kernel/mm/transparent_hugepage") != 0 // without being asked for
	// A page fault takes a huge page where there is one, and makes none (defrag in Documentation/admin-guide/mm/transhuge.rst).
	_ = os.WriteFile("/proc/sys/vm/compact_memory", []byte("1"), 0) // root alone may
	dir := t.TempDir()
	t.Run("at once", func(t *testing.T) {
		for i := range 4 {
			// Who may not read the kernel log has the samples alone, of which one is to be near the limit.
			file := filepath.Join(dir, fmt.Sprint(i))
			seen := marking(t, 30*MiB, file)
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				target := as(t, "stairs", "31457280", file)
				target.Capture = []Capture{seen}
				target.NoTHP = i%2 == 1
				o := RunT(t, Spec{Target: target, Limits: Limits{Max: 48 * MiB}})
				o.RequireVerdict(t, OOMKilled)
				require.NotNil(t, o.Evidence.Fullest)
				require.Equal(t, target.NoTHP, o.Spec.Target.NoTHP)
				if !always && !target.NoTHP {
					return
				}
				require.Equal(t, target.NoTHP, o.Baseline.HugePage == 0, "a prediction allows for huge pages where there are some")
				require.Equal(t, target.NoTHP, o.Evidence.Fullest.Stat.AnonTHP == 0, "%s", o)
			})
		}
	})
	require.Equal(t, before, disabled())
}
