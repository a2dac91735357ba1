package kmsg

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// escape prints a message as /dev/kmsg does (msg_add_ext_text in kernel/printk/printk.c).
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 127 || c == '\\' {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// escaped is a byte as escape prints it.
var escaped = regexp.MustCompile(`\\x[0-9a-fA-F]{2}`)

func FuzzWhatTheKernelEscapesIsUnescaped(f *testing.F) {
	f.Add("a b")
	f.Add("\\x41\n\xff\\")
	f.Add(`\x4\x41\x4g\xFF\x`)
	f.Fuzz(func(t *testing.T, s string) {
		require.Equal(t, s, unescape(escape(s)))
		want := escaped.ReplaceAllStringFunc(s, func(e string) string {
			n, err := strconv.ParseUint(e[2:], 16, 8)
			require.NoError(t, err)
			return string([]byte{byte(n)})
		})
		require.Equal(t, want, unescape(s), "what the kernel has not written, too")
	})
}

// recordFormat is Documentation/ABI/testing/dev-kmsg, with any text for what it leaves open: the
// flags and the fields that may come after them.
var recordFormat = regexp.MustCompile(`^(\d+),(\d+),(\d+),([^,;]*)(?:,[^;]*)?;([^\n]*)`)

func FuzzRecord(f *testing.F) {
	for _, seed := range []string{killed7, summary7, "6,9,100,c,caller=T1;rest\n SUBSYSTEM=usb\n", "2147483648,1,1,-;x", "6,18446744073709551616,1,-;x", "6,1,18446744073709551616,-;x", ";", "6,,1,-;x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, ok := parseRecord(s)
		m := recordFormat.FindStringSubmatch(s)
		if m == nil {
			require.False(t, ok)
			return
		}
		prefix, err1 := strconv.ParseUint(m[1], 10, 31)
		_, err2 := strconv.ParseUint(m[2], 10, 64)
		_, err3 := strconv.ParseUint(m[3], 10, 64)
		if err1 != nil || err2 != nil || err3 != nil {
			require.False(t, ok, "a number that does not fit")
			return
		}
		require.True(t, ok)
		require.Equal(t, Record{Facility: int(prefix / 8), Continues: strings.HasPrefix(m[4], "c"), Text: m[5]}, r)
	})
}

// FuzzKill has the kernel report a kill, names and all, and asks what the parser makes of it: the
// victim as it was, and its cgroups as they were or, where the names make that ambiguous, none.
func FuzzKill(f *testing.F) {
	f.Add("app", "/a", "/b", 7, uint32(3), -5, false)
	f.Add("a) b,pid=1\n\xff\\", "/od d,task_memcg=(x)\\ü", "", 121, uint32(1<<31), 0, false)
	f.Add(") (x) total-vm:", "/a,task_memcg=", "/a,task_memcg=/a/x", 1, uint32(0), 1000, false)
	f.Add("x,task=y", "", "/", 9, uint32(1), 0, true)
	f.Fuzz(func(t *testing.T, name, limit, below string, pid int, kB uint32, score int, global bool) {
		if len(name) > 15 || strings.ContainsRune(name, 0) || pid < 0 || score < -1000 || score > 1000 {
			t.Skip("no process is like that")
		}
		want := Kill{PID: pid, Name: name, AnonRSS: int64(kB) << 10, FileRSS: 4096, Global: global}
		want.LimitGroup = "/" + strings.Trim(limit, "/")
		want.VictimGroup = strings.TrimSuffix(want.LimitGroup+"/"+strings.Trim(below, "/"), "/")
		want.VictimGroup = "/" + strings.TrimLeft(want.VictimGroup, "/")
		if strings.ContainsAny(want.VictimGroup, "\x00\n") || strings.Contains(want.VictimGroup, "//") {
			t.Skip("no cgroup is named like that")
		}
		reason, constraint, limits := "Memory cgroup out of memory", "CONSTRAINT_MEMCG", "oom_memcg="+want.LimitGroup
		if global {
			reason, constraint, limits, want.LimitGroup = "Out of memory", "CONSTRAINT_NONE", "global_oom", ""
		}
		summary := fmt.Sprintf("oom-kill:constraint=%s,nodemask=(null),cpuset=/,mems_allowed=0,%s,task_memcg=%s,task=%s,pid=%d,uid=0", constraint, limits, want.VictimGroup, name, pid)
		killed := escape(fmt.Sprintf("%s: Killed process %d (%s) total-vm:9kB, anon-rss:%dkB, file-rss:4kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:%d", reason, pid, name, kB, score))

		kills := parse("6,8,100,-;" + escape(summary) + "\n3,9,100,-;" + killed + "\n")
		require.Len(t, kills, 1)
		got := kills[0]
		if got.VictimGroup == "" && got.LimitGroup == "" {
			require.GreaterOrEqual(t, strings.Count(summary, ",task_memcg=/"), 2, "the names were ambiguous")
			got.VictimGroup, got.LimitGroup = want.VictimGroup, want.LimitGroup
		}
		require.Equal(t, want, got)

		require.Empty(t, parse("6,8,100,-;"+escape(summary)+"\n11,9,100,-;"+killed+"\n"), "written by a user")
	})
}

// FuzzLog shows the parser any log. It finds no more kills than there are lines of the kernel that
// say so at their beginning, and gives a kill no cgroups that the log does not name.
func FuzzLog(f *testing.F) {
	f.Add(summary7 + killed7)
	f.Add(strings.Replace(killed7, "3,", "11,", 1) + killed7)
	f.Add(killed7 + "6,9,100,-;Tasks in /a are going to be killed due to memory.oom.group set\n" + killed7)
	f.Add(invoked + traced + usage + stats + stat61 + head612 + row("9", "7", "12861", "app") + summary7 + killed9)
	for _, kept := range []string{"6.1-group", "7.3-tcp"} {
		log, err := os.ReadFile("testdata/" + kept + ".kmsg")
		require.NoError(f, err)
		f.Add(string(log))
	}
	f.Fuzz(func(t *testing.T, log string) {
		var lines, heads int
		var kernels strings.Builder
		for line := range strings.Lines(log) {
			r, ok := parseRecord(line)
			text := unescape(r.Text)
			if ok && r.Facility == 0 && !r.Continues {
				kernels.WriteString(strings.TrimSuffix(line, "\n") + "\n")
				if strings.Contains(text, invokedText) {
					heads++
				}
			}
			if ok && r.Facility == 0 && !r.Continues && (strings.HasPrefix(text, "Memory cgroup out of memory") || strings.HasPrefix(text, "Out of memory")) {
				lines++
			}
		}
		kills := parse(log)
		require.LessOrEqual(t, len(kills), lines)
		require.Equal(t, parse(kernels.String()), kills, "what others wrote changes nothing")
		for _, k := range kills {
			require.Contains(t, unescape(log), k.VictimGroup)
			require.Contains(t, unescape(log), k.LimitGroup)
			require.GreaterOrEqual(t, min(k.AnonRSS, k.FileRSS, k.ShmemRSS), int64(0))
			require.False(t, k.Global && k.LimitGroup != "", "the whole machine has no limit's cgroup")
			if r := k.Report; r != nil {
				heads--
				requirePlausible(t, log, r)
			}
		}
		require.GreaterOrEqual(t, heads, 0, "each report has a head of its own")
	})
}

// requirePlausible asserts that a report is within its bounds, and has no more than the log.
func requirePlausible(t *testing.T, log string, r *Report) {
	t.Helper()
	log = unescape(log)
	require.LessOrEqual(t, len(r.Invoker), commLength)
	require.Contains(t, log, r.Invoker+invokedText)
	require.LessOrEqual(t, len(r.Stack), maxStack)
	for _, name := range r.Stack {
		require.Contains(t, log, " "+name+"+0x")
	}
	require.LessOrEqual(t, len(r.Stat), maxStatKeys)
	for key := range r.Stat {
		require.Contains(t, log, key+" ")
	}
	require.LessOrEqual(t, len(r.Tasks), maxKeptTasks)
	for _, one := range append(r.Tasks, r.Rest) {
		require.GreaterOrEqual(t, min(one.RSS, one.AnonRSS, one.FileRSS, one.ShmemRSS, one.PageTables, one.Swap), int64(0))
		require.LessOrEqual(t, len(one.Name), commLength)
		require.Contains(t, log, one.Name)
	}
	for _, u := range []*Usage{r.Memory, r.Swap, r.Kmem} {
		require.False(t, u != nil && min(u.Usage, u.Limit) < 0)
	}
}

// FuzzReport has the kernel report what it saw, and asks what the parser makes of it: the same figures, whatever the
// names, and whether memory.stat is a record or many.
func FuzzReport(f *testing.F) {
	f.Add("app", "GFP_KERNEL", 0, uint32(32772), uint32(32768), uint32(7), uint32(12724), uint32(137), false)
	f.Add("a] 1 2\n anon 3\xff", "GFP_HIGHUSER|__GFP_ACCOUNT", 3, uint32(1<<31), uint32(0), uint32(1), uint32(0), uint32(1<<31), true)
	f.Fuzz(func(t *testing.T, name, flags string, order int, used, limit, failed, anon, file uint32, one bool) {
		if len(name) > commLength || strings.ContainsRune(name, 0) || !isWord(strings.ReplaceAll(flags, "|", "_")) || strings.Contains(flags, ".") {
			t.Skip("no process or allocation is like that")
		}
		record := func(format string, args ...any) string {
			return "6,8,100,-;" + escape(fmt.Sprintf(format, args...)) + "\n"
		}
		stat := fmt.Sprintf("anon %d\nfile %d\npgfault %d", uint64(anon)<<12, uint64(file)<<12, failed)
		log := record("%s invoked oom-killer: gfp_mask=0xcc0(%s), order=%d, oom_score_adj=0", name, flags, order) +
			record("memory: usage %dkB, limit %dkB, failcnt %d", used, limit, failed) + record("Memory cgroup stats for /a:")
		if one {
			log += record("%s", stat)
		} else {
			for line := range strings.SplitSeq(stat, "\n") {
				log += record("%s", line)
			}
		}
		log += head612 + record("[%7d] %5d %5d %8d %8d %8d %8d %9d %8d %8d         %5d %s", 7, 1000, 7, 9, uint64(anon)+uint64(file), anon, file, 0, 4096, failed, -5, name)
		r := reportOf(t, log)
		r.statHere, r.stack = false, 0
		require.Equal(t, &Report{
			Invoker: name, GFPMask: flags, Order: order, Memory: &Usage{int64(used) << 10, int64(limit) << 10, uint64(failed)},
			Stat: map[string]uint64{"anon": uint64(anon) << 12, "file": uint64(file) << 12, "pgfault": uint64(failed)},
			Tasks: []Task{{
				TID: 7, PID: 7, UID: 1000, Name: name, RSS: (int64(anon) + int64(file)) * pageSize, AnonRSS: int64(anon) * pageSize,
				FileRSS: int64(file) * pageSize, PageTables: 4096, Swap: int64(failed) * pageSize, OOMScoreAdj: -5,
			}},
		}, r)
	})
}
