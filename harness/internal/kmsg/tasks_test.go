package kmsg

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The heads of the list, and a row under each, as Linux 6.12 and 6.1 print them.
const (
	head612 = "6,360,11469505,-;[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name\n"
	head61  = "6,360,11469505,-;[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name\n"
	row61   = "6,361,11469659,-;[      9]     0     7    24918    12861   135168        0             0 app\n"
	invoked = "4,269,11459692,-;app invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n"
)

// row is that of a thread of a process, with some memory.
func row(tid, pid, rss, name string) string {
	return "6,361,1,-;[" + strings.Repeat(" ", 7-len(tid)) + tid + "]     0   " + pid + "    24918    " + rss + "    12724        0       137   135168        0             0 " + name + "\n"
}

// killed9 is the line of a victim by the id that the kernel prints.
var killed9 = strings.Replace(killed7, "process 7 ", "process 9 ", 1)

func TestAThreadIsTheProcessThatTheListSays(t *testing.T) {
	for name, list := range map[string]string{
		"6.12":                           head612 + row("9", "7", "12861", "app"),
		"6.1":                            head61 + row61,
		"a name that looks like numbers": head612 + row("9", "7", "12861", "1 2 3 ] x"),
		"no name":                        head612 + row("9", "7", "12861", ""),
	} {
		t.Run(name, func(t *testing.T) {
			kills := parse(invoked + list + summary7 + killed9)
			require.Len(t, kills, 1)
			require.Equal(t, 7, kills[0].PID)
			require.Equal(t, 9, kills[0].Thread)
			require.Equal(t, "/a", kills[0].LimitGroup)
			require.Equal(t, "/a/b", kills[0].VictimGroup)
			require.Empty(t, kills[0].SharedWith)
		})
	}
	t.Run("and has the comm of a thread that named itself", func(t *testing.T) {
		log := invoked + head612 + row("9", "7", "12861", "worker") + summary7 + strings.Replace(killed9, "(app)", "(worker)", 1)
		kills := parse(log)
		require.Equal(t, "/a/b", kills[0].VictimGroup)
		require.Equal(t, "worker", kills[0].Name)
		ambiguous := parse(strings.Replace(log, ",task=app", ",task=,task=x", 1))
		require.Empty(t, ambiguous[0].VictimGroup)
	})
}

func TestProcessesWithTheSameFiguresHaveTheSameMemory(t *testing.T) {
	list := head612 + row("5", "5", "12861", "sh") + row("7", "7", "12861", "app") + row("8", "8", "12860", "app") + row("3", "3", "12861", "a") + row("9", "7", "12861", "app")
	kills := parse(invoked + list + summary7 + killed7)
	require.Len(t, kills, 1)
	require.Equal(t, 7, kills[0].PID)
	require.Zero(t, kills[0].Thread)
	require.Equal(t, []int{3, 5}, kills[0].SharedWith)
}

// The kernel prints the list of one kill in a few, and suppresses it with the summary.
func TestAListIsOfOneKill(t *testing.T) {
	list := head612 + row("7", "7", "12861", "app") + row("9", "6", "12861", "app")
	first := invoked + list + summary7 + killed7
	for name, next := range map[string]string{
		"one whose lines were suppressed": killed9,
		"one without a list":              invoked + strings.Replace(summary7, "pid=7", "pid=9", 1) + killed9,
		"one that did not come about": invoked + list +
			summary7 + "6,9,1,-;Memory cgroup out of memory: OOM victim 7 (app) is already exiting. Skip killing the task\n" + killed9,
	} {
		t.Run(name, func(t *testing.T) {
			kills := parse(first + next)
			require.Len(t, kills, 2)
			require.Equal(t, []int{6}, kills[0].SharedWith)
			require.Equal(t, 9, kills[1].PID)
			require.Zero(t, kills[1].Thread)
			require.Empty(t, kills[1].SharedWith)
		})
	}
	t.Run("and of its group", func(t *testing.T) {
		kills := parse(first + "6,9,100,-;Tasks in /a are going to be killed due to memory.oom.group set\n" + killed9)
		require.Equal(t, 6, kills[1].PID)
		require.Equal(t, 9, kills[1].Thread)
	})
}

func TestAListThatIsForgedOrBrokenSaysNothing(t *testing.T) {
	good := row("9", "7", "12861", "app")
	for name, list := range map[string]string{
		"a head written by a user": "12" + head612[1:] + good,
		"a row written by a user":  head612 + "12" + good[1:],
		"no head":                  good,
		"a row cut off":            head612 + good[:40] + "\n",
		"no numbers":               head612 + strings.Replace(good, "12724", "x", 1),
		"a tid that does not fit":  head612 + strings.Replace(good, "      9]", "99999999999999999999]", 1),
	} {
		t.Run(name, func(t *testing.T) {
			kills := parse(invoked + list + summary7 + killed9)
			require.Len(t, kills, 1)
			require.Equal(t, 9, kills[0].PID)
			require.Empty(t, kills[0].VictimGroup, "the summary is about another")
		})
	}
}
