package kmsg

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// photographed is what a kept log says, in the units of its lines.
type photographed struct {
	log           string
	usage, swap   [3]int64 // kB of usage and limit, failcnt
	keys          int
	anon, shmem   uint64
	sock, kernel  uint64
	order, kills  int
	task          [7]int64 // tid, pages of rss, anon, file, shmem, bytes of page tables, swapped pages
	path          string   // a function of its stack
	invokedByTask bool
}

// The logs were taken in the microVM, with a cage that a test binary fills: anonymous memory, files on tmpfs, pipes, TCP
// sockets, swap too, three children and memory.oom.group, a limit above, a limit that is lowered. From Linux 6.16 on, who
// lowers memory.max through a descriptor with O_NONBLOCK, as Go does, calls no OOM killer, so there is no such log.
func TestTheReportOfAKeptLogIsReadToItsEnd(t *testing.T) {
	for _, want := range []photographed{
		{"6.1-anon", [3]int64{32768, 32768, 24}, [3]int64{}, 47, 33107968, 0, 0, 385024, 0, 1, [7]int64{106, 10893, 0, 0, 0, 225280, 0}, "handle_mm_fault", true},
		{"6.1-tmpfs", [3]int64{32768, 32768, 90}, [3]int64{}, 47, 13848576, 19288064, 0, 417792, 0, 1, [7]int64{112, 6279, 0, 0, 0, 184320, 0}, "shmem_write_begin", true},
		{"6.1-pipes", [3]int64{32768, 32768, 23}, [3]int64{}, 47, 7213056, 0, 0, 26161152, 0, 1, [7]int64{118, 4084, 0, 0, 0, 155648, 0}, "pipe_write", true},
		{"6.1-tcp", [3]int64{32744, 32768, 27}, [3]int64{}, 47, 9347072, 0, 23814144, 368640, 3, 1, [7]int64{123, 5158, 0, 0, 0, 172032, 0}, "tcp_sendmsg", true},
		{"6.1-swap", [3]int64{24576, 24576, 835}, [3]int64{16384, 16384, 244}, 47, 11214848, 0, 0, 376832, 0, 1, [7]int64{128, 5406, 0, 0, 0, 212992, 4095}, "handle_mm_fault", true},
		{"6.1-group", [3]int64{49064, 49152, 35}, [3]int64{}, 47, 48910336, 0, 0, 1331200, 0, 6, [7]int64{134, 9311, 0, 0, 0, 212992, 0}, "handle_mm_fault", true},
		{"6.1-ancestor", [3]int64{32768, 32768, 55}, [3]int64{}, 47, 33071104, 0, 0, 397312, 0, 1, [7]int64{156, 10854, 0, 0, 0, 225280, 0}, "handle_mm_fault", true},
		{"6.1-lowered", [3]int64{48508, 32768, 0}, [3]int64{}, 47, 49254400, 0, 0, 417792, 0, 1, [7]int64{162, 14780, 0, 0, 0, 249856, 0}, "memory_max_write", false},

		{"6.12-anon", [3]int64{32648, 32768, 25}, [3]int64{}, 60, 33071104, 0, 0, 356352, 0, 1, [7]int64{158, 10854, 8018, 0, 2836, 217088, 0}, "do_anonymous_page", true},
		{"6.12-tmpfs", [3]int64{32760, 32768, 83}, [3]int64{}, 60, 10186752, 22929408, 0, 425984, 0, 1, [7]int64{163, 5435, 2487, 0, 2948, 176128, 0}, "shmem_file_write_iter", true},
		{"6.12-pipes", [3]int64{32768, 32768, 90}, [3]int64{}, 60, 7225344, 0, 0, 26329088, 0, 1, [7]int64{169, 4537, 1717, 0, 2820, 155648, 0}, "pipe_write", true},
		{"6.12-tcp", [3]int64{32748, 32768, 21}, [3]int64{}, 60, 9367552, 0, 23773184, 393216, 3, 1, [7]int64{174, 5165, 2265, 0, 2900, 167936, 0}, "tcp_sendmsg", true},
		{"6.12-swap", [3]int64{24576, 24576, 3772}, [3]int64{16312, 16384, 0}, 60, 24379392, 0, 0, 430080, 0, 1, [7]int64{181, 8667, 5913, 0, 2754, 294912, 4064}, "do_anonymous_page", true},
		{"6.12-group", [3]int64{49152, 49152, 72}, [3]int64{}, 60, 49008640, 0, 0, 1323008, 0, 5, [7]int64{185, 9788, 6984, 0, 2804, 204800, 0}, "do_anonymous_page", true},
		{"6.12-ancestor", [3]int64{32772, 32768, 74}, [3]int64{}, 60, 33181696, 0, 0, 368640, 0, 1, [7]int64{207, 10910, 8058, 0, 2852, 217088, 0}, "do_anonymous_page", true},
		{"6.12-lowered", [3]int64{48412, 32768, 0}, [3]int64{}, 60, 49188864, 0, 0, 385024, 0, 1, [7]int64{212, 14858, 11990, 0, 2868, 241664, 0}, "memory_max_write", false},

		{"6.18-anon", [3]int64{32772, 32768, 22}, [3]int64{}, 65, 33202176, 0, 0, 352256, 0, 1, [7]int64{149, 10862, 8104, 0, 2758, 217088, 0}, "do_anonymous_page", true},
		{"6.18-tmpfs", [3]int64{32716, 32768, 19}, [3]int64{}, 65, 8900608, 24166400, 0, 430080, 0, 1, [7]int64{154, 4938, 2164, 0, 2774, 180224, 0}, "shmem_file_write_iter", true},
		{"6.18-pipes", [3]int64{32772, 32768, 28}, [3]int64{}, 65, 7233536, 0, 0, 26320896, 0, 1, [7]int64{160, 4619, 1733, 0, 2886, 155648, 0}, "do_anonymous_page", true},
		{"6.18-tcp", [3]int64{32752, 32768, 36}, [3]int64{}, 65, 9355264, 0, 23785472, 389120, 3, 1, [7]int64{166, 5194, 2260, 0, 2934, 172032, 0}, "tcp_sendmsg", true},
		{"6.18-swap", [3]int64{24580, 24576, 39}, [3]int64{16144, 16384, 1}, 65, 24760320, 0, 0, 376832, 0, 1, [7]int64{171, 8842, 6004, 0, 2838, 241664, 4032}, "do_anonymous_page", true},
		{"6.18-group", [3]int64{49148, 49152, 20}, [3]int64{}, 65, 49016832, 0, 0, 1294336, 0, 5, [7]int64{176, 10321, 7499, 0, 2822, 212992, 0}, "do_anonymous_page", true},
		{"6.18-ancestor", [3]int64{32772, 32768, 24}, [3]int64{}, 65, 33153024, 0, 0, 401408, 0, 1, [7]int64{197, 10970, 8068, 0, 2902, 225280, 0}, "do_anonymous_page", true},

		{"7.3-anon", [3]int64{32772, 32768, 29}, [3]int64{}, 71, 33202176, 0, 0, 352256, 0, 1, [7]int64{117, 10995, 8106, 3, 2886, 212992, 0}, "do_anonymous_page", true},
		{"7.3-tmpfs", [3]int64{32768, 32768, 27}, [3]int64{}, 71, 9932800, 23191552, 0, 430080, 0, 1, [7]int64{123, 5378, 2425, 3, 2950, 180224, 0}, "shmem_file_write_iter", true},
		{"7.3-pipes", [3]int64{32768, 32768, 18}, [3]int64{}, 71, 7241728, 0, 0, 26136576, 0, 1, [7]int64{130, 4609, 1768, 3, 2838, 155648, 0}, "anon_pipe_write", true},
		{"7.3-tcp", [3]int64{32764, 32768, 19}, [3]int64{}, 71, 9388032, 0, 23764992, 389120, 1, 1, [7]int64{135, 5165, 2292, 3, 2870, 172032, 0}, "tcp_sendmsg", true},
		{"7.3-swap", [3]int64{24576, 24576, 41}, [3]int64{16384, 16384, 108}, 71, 23887872, 0, 0, 372736, 0, 1, [7]int64{140, 8737, 5832, 3, 2902, 233472, 4091}, "do_anonymous_page", true},
		{"7.3-group", [3]int64{49028, 49152, 20}, [3]int64{}, 71, 48848896, 0, 0, 1351680, 0, 5, [7]int64{146, 10209, 7480, 3, 2726, 212992, 0}, "do_anonymous_page", true},
		{"7.3-ancestor", [3]int64{32772, 32768, 22}, [3]int64{}, 71, 33181696, 0, 0, 368640, 0, 1, [7]int64{168, 11006, 8101, 3, 2902, 217088, 0}, "do_anonymous_page", true},
	} {
		t.Run(want.log, func(t *testing.T) { want.require(t) })
	}
}

func (p photographed) require(t *testing.T) {
	t.Helper()
	log, err := os.ReadFile("testdata/" + p.log + ".kmsg")
	require.NoError(t, err)
	kills := parse(string(log))
	require.Len(t, kills, p.kills)
	for _, k := range kills[1:] {
		require.Nil(t, k.Report, "of a group, the first one's is all")
	}
	r := kills[0].Report
	require.NotNil(t, r)
	require.Equal(t, &Usage{p.usage[0] << 10, p.usage[1] << 10, uint64(p.usage[2])}, r.Memory)
	require.Equal(t, &Usage{p.swap[0] << 10, p.swap[1] << 10, uint64(p.swap[2])}, r.Swap)
	require.Nil(t, r.Kmem, "cgroup v2 has none")
	require.Len(t, r.Stat, p.keys)
	require.False(t, r.StatCut)
	require.Equal(t, []uint64{p.anon, p.shmem, p.sock, p.kernel}, []uint64{r.Stat["anon"], r.Stat["shmem"], r.Stat["sock"], r.Stat["kernel"]})
	require.Equal(t, p.order, r.Order)
	require.Contains(t, []string{"GFP_KERNEL", "GFP_HIGHUSER|__GFP_ACCOUNT"}, r.GFPMask)
	require.Equal(t, "harness.test", r.Invoker)
	require.Contains(t, r.Stack, p.path)
	require.Equal(t, []string{"dump_stack_lvl", "dump_header"}, r.Stack[:2])
	require.Zero(t, r.RestCount)
	require.Len(t, r.Tasks, 1+3*min(p.kills-1, 1), "the group had three children")
	victim := Task{
		TID: int(p.task[0]), PID: int(p.task[0]), Name: "harness.test", RSS: p.task[1] * pageSize, AnonRSS: p.task[2] * pageSize,
		FileRSS: p.task[3] * pageSize, ShmemRSS: p.task[4] * pageSize, PageTables: p.task[5], Swap: p.task[6] * pageSize,
	}
	require.Equal(t, victim, r.Tasks[0])
	require.Equal(t, kills[0].PID, victim.PID)
}

const (
	usage  = "6,293,1,-;memory: usage 32772kB, limit 32768kB, failcnt 45\n6,294,1,-;swap: usage 0kB, limit 9007199254740988kB, failcnt 0\n"
	stats  = "6,295,1,-;Memory cgroup stats for /a:\n"
	stat61 = "6,296,1,-;anon 33206272\\x0afile 0\\x0asock 7\n"
	traced = "4,263,1,-;Call Trace:\n4,264,1,-; <TASK>\n4,265,1,-; dump_stack_lvl+0x44/0x5c\n4,266,1,-; ? stale+0x1/0x2\n4,267,1,-; ext4_file_write_iter+0x5f/0x80 [ext4]\n4,268,1,-; </TASK>\n"
)

// reportOf is the report of the only kill of a log, which is the last.
func reportOf(t *testing.T, log string) *Report {
	t.Helper()
	kills := parse(log + summary7 + killed7)
	require.NotEmpty(t, kills)
	return kills[len(kills)-1].Report
}

func TestAReportIsMadeOfItsLines(t *testing.T) {
	list := head612 + row("9", "7", "12861", "app")
	full := invoked + traced + usage + stats + stat61 + list
	want := reportOf(t, full)
	require.Equal(t, &Report{
		Invoker: "app", GFPMask: "GFP_KERNEL", Stack: []string{"dump_stack_lvl", "ext4_file_write_iter"},
		Memory: &Usage{32772 << 10, 32768 << 10, 45}, Swap: &Usage{0, math.MaxInt64, 0}, Stat: map[string]uint64{"anon": 33206272, "file": 0, "sock": 7},
		Tasks:    []Task{{TID: 9, PID: 7, Name: "app", RSS: 12861 * pageSize, AnonRSS: 12724 * pageSize, ShmemRSS: 137 * pageSize, PageTables: 135168}},
		statHere: true, stack: stackRead,
	}, want)
	for name, log := range map[string]string{
		"a record for each key":               strings.ReplaceAll(full, `\x0a`, "\n6,297,1,-;"),
		"the cgroup's name in another record": strings.Replace(full, " for /a:", " for \n6,295,1,c;/a:", 1),
		"other messages between its lines":    strings.ReplaceAll(full, "\n6,", "\n6,1,1,-;usb 1-1: new device\n SUBSYSTEM=usb\n4,2,1,-;anon 1\\x0a: x\n6,"),
		"another trace after its own":         strings.Replace(full, usage, strings.ReplaceAll(traced, "ext4", "xfs")+usage, 1),
		"lines that come twice":               strings.Replace(full, head612, strings.ReplaceAll(usage+stats+stat61, "3", "4")+head612, 1),
		"what protects the cgroup":            strings.Replace(full, head612, "6,297,1,-;Memory cgroup min protection 0kB -- low protection 0kB\n6,298,1,-;Tasks state (memory values in pages):\n"+head612, 1),
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, want, reportOf(t, log)) })
	}
	t.Run("cgroup v1 has kmem", func(t *testing.T) {
		r := reportOf(t, invoked+strings.Replace(usage, "swap:", "kmem:", 1))
		require.Equal(t, &Usage{0, math.MaxInt64, 0}, r.Kmem)
		require.Nil(t, r.Swap)
		require.Nil(t, r.Stat)
	})
	t.Run("with a name that looks like the line", func(t *testing.T) {
		r := reportOf(t, strings.Replace(invoked, ";app", ";a) order=9, \\xff\\x0a", 1))
		require.Equal(t, "a) order=9, \xff\n", r.Invoker)
		require.Zero(t, r.Order)
	})
	t.Run("of Linux before 5.0, and by sysrq", func(t *testing.T) {
		r := reportOf(t, strings.Replace(invoked, "order=0", "nodemask=(null), order=-1", 1))
		require.Equal(t, -1, r.Order)
	})
}

// The kernel's record ends anywhere, in a number too.
func TestAStatThatTheKernelCutLacksItsEnd(t *testing.T) {
	var lines []string
	for i := range 80 {
		lines = append(lines, fmt.Sprintf("key_%d %d", i, 1<<30))
	}
	const withCaller, longest61 = 1024 - 48 - 1, 1024 - 32 - 1 // as CONFIG_PRINTK_CALLER is
	cut := func(at int) *Report {
		text := strings.Join(lines, "\n")[:at]
		return reportOf(t, invoked+usage+stats+"6,296,1,-;"+strings.ReplaceAll(text, "\n", `\x0a`)+"\n"+head612)
	}
	for at := withCaller; at <= longest61; at++ {
		r := cut(at)
		require.True(t, r.StatCut)
		require.Greater(t, len(r.Stat), 50)
		for key, n := range r.Stat {
			require.EqualValues(t, 1<<30, n, key)
		}
		require.NotContains(t, r.Stat, "key_79")
	}
	r := cut(len(strings.Join(lines[:40], "\n")))
	require.False(t, r.StatCut)
	require.Len(t, r.Stat, 40)
}

func TestAReportThatIsForgedOrBrokenSaysNothing(t *testing.T) {
	full := invoked + traced + usage + stats + stat61 + head612 + row("9", "7", "12861", "app")
	user := strings.NewReplacer("\n4,", "\n12,", "\n6,", "\n14,")
	rest := strings.NewReplacer(",-;", ",c;")
	t.Run("no head", func(t *testing.T) {
		require.Nil(t, reportOf(t, strings.TrimPrefix(full, invoked)))
	})
	t.Run("a head that is not known", func(t *testing.T) {
		require.Nil(t, reportOf(t, strings.Replace(full, "order=0", "order=x", 1)))
		require.Nil(t, reportOf(t, strings.Replace(full, "order=0", "order=99999999999999999999", 1)))
	})
	for name, forge := range map[string]*strings.Replacer{"written by a user": user, "the rest of broken lines": rest} {
		t.Run(name, func(t *testing.T) {
			forged := strings.TrimPrefix(forge.Replace("\n"+full), "\n")
			require.Nil(t, reportOf(t, forged))
			require.Nil(t, reportOf(t, invoked+usage+stats+stat61+head612+summary7+killed7+forged+strings.ReplaceAll(summary7, "6,8", "14,8")), "of an earlier kill")
			r := reportOf(t, invoked+strings.TrimPrefix(forged, forge.Replace(invoked)))
			require.Equal(t, &Report{Invoker: "app", GFPMask: "GFP_KERNEL"}, r)
			require.Equal(t, reportOf(t, full), reportOf(t, strings.Replace(full, usage, strings.ReplaceAll(forged, "3", "4")+usage, 1)), "within one")
		})
	}
	t.Run("a cgroup named like a head", func(t *testing.T) {
		require.Equal(t, reportOf(t, full), reportOf(t, strings.Replace(full, "for /a:", "for /a"+invokedText+"gfp_mask=0x1(X), order=5, oom_score_adj=0:", 1)))
	})
	for name, line := range map[string]string{
		"a usage that does not fit": strings.ReplaceAll(usage, "usage ", "usage 9999999999999999999"),
		"a usage without its end":   strings.ReplaceAll(usage, ", failcnt", ""),
		"a negative usage":          strings.ReplaceAll(usage, "usage ", "usage -"),
		"a stat before its head":    stat61,
		"a stat that does not fit":  stats + "6,1,1,-;anon 99999999999999999999\n",
		"a stat that is no number":  stats + "6,1,1,-;anon x\n6,1,1,-;anon\n6,1,1,-;anon 1 2\n6,1,1,-;a-b 1\n6,1,1,-;" + strings.Repeat("a", 60) + " 1\n",
		"a name in front":           stats + "6,1,1,-;anon 1\\x0ax[7]: segfault at 0\n",
		"a trace without a head":    "4,265,1,-; dump_stack_lvl+0x44/0x5c\n",
		"what is not of a trace":    "4,263,1,-;Call Trace:\n4,265,1,-; a b+0x44/0x5c\n4,265,1,-;f+0x44/0x5c\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := reportOf(t, invoked+line)
			require.Equal(t, Report{Invoker: "app", GFPMask: "GFP_KERNEL", statHere: r.statHere, stack: r.stack}, *r)
		})
	}
}

// As rate-limited lines, and reports of which nobody was killed, leave nothing for the next kill.
func TestAReportIsOfOneKill(t *testing.T) {
	full := invoked + usage + stats + stat61 + head612 + row("7", "7", "12861", "app")
	next := func(between string) *Report { return reportOf(t, full+between) }
	require.NotNil(t, next(""))
	require.Nil(t, next(summary7+killed7), "the next one's is suppressed")
	require.Nil(t, next(killed7), "a kill without a summary came between")
	require.Nil(t, next("4,1,1,-;"+nobodyLine+"\n"))
	require.Nil(t, next("6,9,1,-;Memory cgroup out of memory: OOM victim 7 (app) is already exiting. Skip killing the task\n"))
	require.Equal(t, &Report{Invoker: "app", GFPMask: "GFP_KERNEL"}, next(invoked), "the next one has begun")

	kills := parse(invoked + summary7 + strings.TrimPrefix(full, invoked) + killed7)
	require.Equal(t, &Report{Invoker: "app", GFPMask: "GFP_KERNEL"}, kills[0].Report, "nothing of it comes after the summary")
	kills = parse(full + strings.Replace(summary7, "pid=7", "pid=8", 1) + killed7)
	require.Nil(t, kills[0].Report, "the summary is about another")
	kills = parse(full + killed7)
	require.Nil(t, kills[0].Report, "there is no summary")
	kills = parse(full + summary7 + strings.Replace(killed7, "Memory cgroup out", "Out", 1))
	require.Nil(t, kills[0].Report, "the summary is about a cgroup")

	var p parser
	for line := range strings.Lines(full) {
		r, _ := parseRecord(line)
		p.add(r)
	}
	p.forget() // records were lost
	for line := range strings.Lines(summary7 + killed7) {
		r, _ := parseRecord(line)
		p.add(r)
	}
	require.Nil(t, p.kills[0].Report)
}

func TestTheLargestTasksAreKeptAndTheVictim(t *testing.T) {
	var list strings.Builder
	list.WriteString(invoked + head612)
	const others = 100
	for i := range others {
		list.WriteString(row(fmt.Sprint(1000+i), fmt.Sprint(1000+i), fmt.Sprint(20000+i), "big"))
	}
	list.WriteString(row("7", "7", "5", "app"))
	r := reportOf(t, list.String())
	require.Len(t, r.Tasks, maxKeptTasks)
	require.Equal(t, "app", r.Tasks[maxKeptTasks-1].Name)
	require.Equal(t, 1099, r.Tasks[0].TID)
	require.True(t, slices.IsSortedFunc(r.Tasks, func(a, b Task) int { return int(b.RSS - a.RSS) }))
	const left = others + 1 - maxKeptTasks
	require.Equal(t, left, r.RestCount)
	require.Equal(t, Task{
		RSS: (left*20000 + left*(left-1)/2) * pageSize, AnonRSS: left * 12724 * pageSize, ShmemRSS: left * 137 * pageSize, PageTables: left * 135168,
	}, r.Rest)
}

func TestARowThatCannotBeIsNotOfTheList(t *testing.T) {
	good := row("7", "7", "12861", "app")
	for name, broken := range map[string]string{
		"negative memory":       strings.Replace(good, "12861", "-1", 1),
		"more than can be":      strings.Replace(good, "12861", "34359738368", 1),
		"that overflows":        strings.Replace(good, "12861", "9223372036854775807", 1),
		"a user that cannot be": strings.Replace(good, "]     0", "]     4294967296", 1),
	} {
		require.Empty(t, reportOf(t, invoked+head612+broken).Tasks, name)
	}
	most := reportOf(t, invoked+head612+strings.Replace(strings.Replace(good, "12861", "34359738367", 1), "]     0", "]     4294967295", 1))
	require.EqualValues(t, 34359738367, most.Tasks[0].RSS/pageSize)
	require.Equal(t, math.MaxUint32, most.Tasks[0].UID)
	long := reportOf(t, invoked+head612+row("7", "7", "12861", strings.Repeat("x", 40)))
	require.Equal(t, strings.Repeat("x", 15), long.Tasks[0].Name, "a comm is no longer")
}

func TestAReportIsBounded(t *testing.T) {
	var log strings.Builder
	log.WriteString(invoked + "4,263,1,-;Call Trace:\n")
	for i := range 1000 {
		fmt.Fprintf(&log, "4,264,1,-; f%d+0x1/0x2\n", i)
	}
	log.WriteString(stats)
	for i := range 1000 {
		fmt.Fprintf(&log, "6,297,1,-;key_%d 1\n", i)
	}
	r := reportOf(t, log.String())
	require.Len(t, r.Stack, 48)
	require.Len(t, r.Stat, 160)
	require.Equal(t, "f0", r.Stack[0], "the innermost")
	require.Contains(t, r.Stat, "key_0")
}
