package kmsg

import (
	"fmt"
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

func FuzzWhatTheKernelEscapesIsUnescaped(f *testing.F) {
	f.Add("a b")
	f.Add("\\x41\n\xff\\")
	f.Fuzz(func(t *testing.T, s string) {
		require.Equal(t, s, unescape(escape(s)))
		unescape(s)
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
	f.Fuzz(func(t *testing.T, log string) {
		var lines int
		for line := range strings.Lines(log) {
			r, ok := parseRecord(line)
			text := unescape(r.Text)
			if ok && r.Facility == 0 && !r.Continues && (strings.HasPrefix(text, "Memory cgroup out of memory") || strings.HasPrefix(text, "Out of memory")) {
				lines++
			}
		}
		kills := parse(log)
		require.LessOrEqual(t, len(kills), lines)
		for _, k := range kills {
			require.Contains(t, unescape(log), k.VictimGroup)
			require.Contains(t, unescape(log), k.LimitGroup)
			require.GreaterOrEqual(t, min(k.AnonRSS, k.FileRSS, k.ShmemRSS), int64(0))
			require.False(t, k.Global && k.LimitGroup != "", "the whole machine has no limit's cgroup")
		}
	})
}
