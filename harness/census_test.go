package harness

import (
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

func TestAResidentIsReadFromItsStatus(t *testing.T) {
	require.Equal(t, outcome.Resident{
		PID: 7, Parent: 3, Name: "a\nb \\", State: "S", Threads: 4, Anon: 5 * KiB, File: 6 * KiB, Shmem: 7 * KiB, Swap: 8 * KiB, PageTables: 9 * KiB, Locked: 2 * KiB,
	}, parseResident(7, "Name:\ta\\nb \\\\\nUmask:\t0022\nState:\tS (sleeping)\nPPid:\t3\nVmLck:\t       2 kB\nVmRSS:\t     18 kB\nRssAnon:\t       5 kB\n"+
		"RssFile:\t       6 kB\nRssShmem:\t       7 kB\nVmPTE:\t       9 kB\nVmSwap:\t       8 kB\nThreads:\t4\n"))
	require.Equal(t, outcome.Resident{PID: 2, Parent: 1, Name: "gone", State: "Z", Threads: 1},
		parseResident(2, "Name:\tgone\nState:\tZ (zombie)\nPPid:\t1\nThreads:\t1\n"), "of what has ended there is no memory")
	require.Equal(t, outcome.Resident{PID: 2}, parseResident(2, "no such line\n\n"))
}

// A cage with 96 MiB gets 8 processes of 11 MiB and more each. The last of them comes when the limit is near.
func TestWhoIsInTheCageIsKnownFromTheLimitsNeighbourhoodOn(t *testing.T) {
	o := RunT(t, Spec{Target: server(t), Limits: Limits{Max: 64 * MiB}, Load: Load{Step: HTTPGet("/eat/4194304")}})
	o.RequireVerdict(t, OOMKilled)
	require.NotEmpty(t, o.Census)
	last := o.Census[len(o.Census)-1]
	require.GreaterOrEqual(t, last.Current, 64*MiB/100*80)
	require.NotEmpty(t, last.Processes)
	first := last.Processes[0]
	require.Equal(t, o.Evidence.Kills[0].Name, first.Name)
	require.InDelta(t, int64(last.Current), int64(first.Anon), float64(10*MiB))
}

func TestATargetWithoutStepsHasACurve(t *testing.T) {
	target := as(t, "eat", "100000000")
	// A huge page is charged before it is cleared, and counted as anon after it (__do_huge_pmd_anonymous_page in
	// mm/huge_memory.c): while that goes on, 2 MiB of memory.current are of no kind.
	target.Env = append(target.Env, smallPages)
	o := RunT(t, Spec{Target: target, Limits: Limits{Max: 64 * MiB}})
	o.RequireVerdict(t, OOMKilled)
	require.Greater(t, len(o.Timeline), 2)
	highest := o.Timeline[0]
	for _, s := range o.Timeline {
		if s.Current > highest.Current {
			highest = s
		}
	}
	require.InDelta(t, int64(highest.Current), int64(highest.Stat.Anon+highest.Stat.File+highest.Stat.Kernel+highest.Stat.Sock), float64(max(statLag(), highest.Current/10)), "the kinds add up, but for what was taken between the readings")
}
