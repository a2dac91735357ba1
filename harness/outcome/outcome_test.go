package outcome

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatStaysChargedIsPrintedByKind(t *testing.T) {
	two := Baseline{CPUs: 2, PageSize: 4096}
	for _, c := range []struct {
		name     string
		status   ExitStatus
		baseline Baseline
		stat     MemoryStat
		want     string
	}{
		{"files on tmpfs, which are file too", ExitStatus{Ended: true}, two, MemoryStat{File: 20 * MiB, Shmem: 20 * MiB}, "shmem 20971520"},
		{"all kinds", ExitStatus{Ended: true}, two, MemoryStat{Anon: 2 * MiB, File: 7 * MiB, Shmem: 4 * MiB, Sock: 5 * MiB}, "anon 2097152, page cache 3145728, shmem 4194304, sock 5242880"},
		{"of a target that lives", ExitStatus{}, two, MemoryStat{Anon: 20 * MiB}, ""},
		{"the kernel's own", ExitStatus{Ended: true}, two, MemoryStat{Kernel: 20 * MiB, PageTables: 20 * MiB}, ""},
		{"as much as memory.stat lags", ExitStatus{Ended: true}, two, MemoryStat{Anon: MiB}, ""},
		{"a page more", ExitStatus{Ended: true}, two, MemoryStat{Anon: MiB + 4096}, "anon 1052672"},
		{"without a baseline", ExitStatus{Ended: true}, Baseline{}, MemoryStat{Anon: MiB}, "anon 1048576"},
		{"a shmem that was read later than file", ExitStatus{Ended: true}, two, MemoryStat{Shmem: 2 * MiB}, "shmem 2097152"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &Outcome{Baseline: c.baseline, Evidence: Evidence{Status: c.status, Stat: c.stat, Current: c.stat.Anon + max(c.stat.File, c.stat.Shmem) + c.stat.Sock}}
			require.Equal(t, c.want, o.stayed())
			line := "\n  stayed     charged: " + c.want + "\n"
			if c.want == "" {
				line = "\n  stayed"
				require.NotContains(t, o.String(), line)
				return
			}
			require.Contains(t, o.String(), line)
		})
	}
}
