package kmsg

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// parse reads records as they stand in a file, one a line.
func parse(lines string) []Kill {
	var p parser
	for line := range strings.Lines(lines) {
		if r, ok := parseRecord(line); ok {
			p.add(r)
		}
	}
	return p.kills
}

// The logs of testdata were taken in the microVM while this was staged: a process above its own
// limit, above that of the cgroup over it, with memory.oom.group and three other processes in two
// cgroups, with odd names; a forged line; a kill asked for by sysrq; 14 kills in a row.
func TestRealLogs(t *testing.T) {
	const kB = 1024
	odd := "/od d,task_memcg=(x)\\ü"
	own := Kill{Name: "kmsg.test", LimitGroup: "/own", VictimGroup: "/own"}
	with := func(k Kill, change func(*Kill)) Kill {
		change(&k)
		return k
	}
	in := func(limit, victim string) Kill {
		return with(own, func(k *Kill) { k.LimitGroup, k.VictimGroup = limit, victim })
	}
	staged := []Kill{
		own,
		in("/anc", "/anc/leaf"),
		in("/grp", "/grp/a"), in("/grp", "/grp"), in("/grp", "/grp"), in("/grp", "/grp"),
		with(in(odd, odd), func(k *Kill) { k.Name = "a) b,pid=1\n\xff\\" }),
		{Name: "kmsg.test", VictimGroup: "/", Global: true},
	}
	for _, c := range []struct {
		kernel     string
		pids       []int
		suppressed []int // of the kills in a row
		first      Kill  // its sizes
	}{
		{
			"6.1", []int{98, 104, 121, 109, 121, 110, 126, 132}, []int{5, 6, 7, 8},
			Kill{AnonRSS: 20096 * kB, FileRSS: 4 * kB, ShmemRSS: 5232 * kB},
		},
		{
			"6.12", []int{148, 153, 169, 158, 171, 159, 175, 181}, []int{5, 6, 7},
			Kill{AnonRSS: 20048 * kB, FileRSS: 0, ShmemRSS: 5196 * kB},
		},
	} {
		t.Run(c.kernel, func(t *testing.T) {
			log, err := os.ReadFile("testdata/" + c.kernel + ".kmsg")
			require.NoError(t, err)
			kills := parse(string(log))
			require.Len(t, kills, len(staged)+14)
			first := Kill{AnonRSS: kills[0].AnonRSS, FileRSS: kills[0].FileRSS, ShmemRSS: kills[0].ShmemRSS}
			require.Equal(t, c.first, first)
			for i, k := range kills {
				var want Kill
				if i < len(staged) {
					want = staged[i]
					want.PID = c.pids[i]
				} else {
					group := fmt.Sprint("/many", i-len(staged))
					if want = in(group, group); slices.Contains(c.suppressed, i-len(staged)) {
						want = Kill{Name: "kmsg.test"}
					}
					want.PID = k.PID
				}
				k.AnonRSS, k.FileRSS, k.ShmemRSS, k.Report = 0, 0, 0, nil
				require.Equal(t, want, k)
			}
		})
	}
}

const (
	killed7  = "3,9,100,-;Memory cgroup out of memory: Killed process 7 (app) total-vm:4kB, anon-rss:3kB, file-rss:2kB, shmem-rss:1kB, UID:0 pgtables:1kB oom_score_adj:-5\n"
	summary7 = "6,8,100,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=app,pid=7,uid=0\n"
)

func TestTheLinesOfOneKillBelongTogether(t *testing.T) {
	plain := Kill{PID: 7, Name: "app", AnonRSS: 3072, FileRSS: 2048, ShmemRSS: 1024}
	full := plain
	full.LimitGroup, full.VictimGroup = "/a", "/a/b"
	for _, c := range []struct {
		name, log string
		want      Kill
	}{
		{"both", summary7 + killed7, full},
		{"other messages between them", summary7 + "6,9,100,-;usb 1-1: new device\n SUBSYSTEM=usb\n DEVICE=c189:1\n" + killed7, full},
		{"the victim's alone, as the other was suppressed", killed7, plain},
		{"of another process", strings.Replace(summary7, "pid=7", "pid=8", 1) + killed7, plain},
		{"of another name", strings.Replace(summary7, "task=app", "task=ap", 1) + killed7, plain},
		{"of the whole machine", strings.Replace(summary7, "oom_memcg=/a", "global_oom", 1) + killed7, plain},
		{"after the victim's", killed7 + summary7, plain},
		{"of a kill that was not printed", summary7 + "4,9,100,-;app invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n" + killed7, plain},
		{"cut off", strings.Replace(summary7, ",uid=0", "", 1) + killed7, plain},
		{"without cpusets", strings.Replace(summary7, "cpuset=/,mems_allowed=0,", "", 1) + killed7, full},
		{"with several nodes", strings.Replace(strings.Replace(summary7, "(null)", "0-1,3", 1), "allowed=0", "allowed=0-1,3", 1) + killed7, full},
		{"with a cpuset that looks like a cgroup", strings.Replace(summary7, "cpuset=/", "cpuset=x,mems_allowed=0,oom_memcg=y,task_memcg=z", 1) + killed7, full},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, []Kill{c.want}, parse(c.log)) })
	}
}

func TestNamesOfCgroupsAndProcessesMayLookLikeTheLineItself(t *testing.T) {
	type names struct{ limit, victim, name string }
	for _, want := range []names{
		{"/a,task=b", "/a,task=b/c", "x,task=y"},
		{"/a", "/a/b,task_memcg=/c", "app"},
		{"/a,task_memcg=", "/a,task_memcg=/b", "app"},
		{"/", "/a", "a,pid=1,uid=0"},
		{"/a b", "/a b", ") (x) total-vm:"},
		{"/a", "/a", ""},
	} {
		log := strings.ReplaceAll(strings.ReplaceAll(summary7+killed7, "task=app", "task="+want.name), "(app)", "("+want.name+")")
		log = strings.Replace(log, "oom_memcg=/a,task_memcg=/a/b", "oom_memcg="+want.limit+",task_memcg="+want.victim, 1)
		kills := parse(log)
		require.Len(t, kills, 1)
		require.Equal(t, want, names{kills[0].LimitGroup, kills[0].VictimGroup, kills[0].Name})
	}
	t.Run("and nothing is said where they cannot be told apart", func(t *testing.T) {
		// The limit is /a's, or that of a cgroup two below it, in which the victim is.
		kills := parse(strings.Replace(summary7, "=/a/b", "=/a/x,task_memcg=/a,task_memcg=/a/x", 1) + killed7)
		require.Len(t, kills, 1)
		require.Empty(t, kills[0].LimitGroup+kills[0].VictimGroup)
	})
}

func TestTheGroupOfAKillEndsWithTheNextKill(t *testing.T) {
	group := "6,9,100,-;Tasks in /a are going to be killed due to memory.oom.group set\n"
	member := strings.Replace(killed7, "process 7", "process 8", 1)
	groups := func(log string) (victims []string) {
		for _, k := range parse(log) {
			victims = append(victims, k.VictimGroup)
		}
		return victims
	}
	require.Equal(t, []string{"/a/b", "/a", "/a"}, groups(summary7+killed7+group+member+member))
	require.Equal(t, []string{"/a/b", "/a", "/a/b"}, groups(summary7+killed7+group+member+summary7+killed7))
	require.Equal(t, []string{"", "/a"}, groups(killed7+group+member), "the first one's line was suppressed")
	head := "4,9,100,-;app invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n"
	require.Equal(t, []string{"/a/b", ""}, groups(summary7+killed7+group+head+member))
	global := strings.Replace(member, "Memory cgroup out", "Out", 1)
	require.Equal(t, []string{"/a/b", ""}, groups(summary7+killed7+group+global))
}

func TestForgedAndBrokenLinesAreIgnored(t *testing.T) {
	require.Len(t, parse(killed7), 1)
	for name, log := range map[string]string{
		"written by a user":             strings.Replace(killed7, "3,", "11,", 1),
		"written by a daemon":           strings.Replace(killed7, "3,", "27,", 1),
		"the rest of a broken line":     strings.Replace(killed7, ",-;", ",c;", 1),
		"a device's property":           "6,9,100,-;usb\n " + killed7[len("3,9,100,-;"):],
		"not at the line's start":       strings.Replace(killed7, ";", ";x: ", 1),
		"after an escaped line break":   strings.Replace(killed7, ";", `;x\x0a`, 1),
		"a process that is not killed":  strings.Replace(killed7, ": Killed process 7 (app)", ": OOM victim 7 (app) is already exiting. Skip killing the task", 1),
		"a size that does not fit":      strings.Replace(killed7, "anon-rss:3", "anon-rss:9007199254740992", 1),
		"a negative size":               strings.Replace(killed7, "anon-rss:3", "anon-rss:-3", 1),
		"a PID that does not fit":       strings.Replace(killed7, "process 7", "process 99999999999999999999", 1),
		"no score":                      strings.Replace(killed7, "adj:-5", "adj:x", 1),
		"cut off":                       killed7[:len(killed7)-20],
		"no prefix":                     killed7[len("3,9,100,-;"):],
		"a prefix that is not a number": "x" + killed7,
		"a negative prefix":             "-" + killed7,
		"no sequence number":            strings.Replace(killed7, "9,100,", ",100,", 1),
		"no time":                       strings.Replace(killed7, "9,100,", "9,,", 1),
		"a time that does not fit":      strings.Replace(killed7, "9,100,", "9,18446744073709551616,", 1),
		"too few fields":                strings.Replace(killed7, ",-;", ";", 1),
		"empty":                         "\n",
	} {
		t.Run(name, func(t *testing.T) { require.Empty(t, parse(log)) })
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		``: "", `a b`: "a b", `\x0a`: "\n", `a\x5cx41`: `a\x41`, `\xc3\xbc`: "ü", `\x`: `\x`, `\xz`: `\xz`, `\x4`: `\x4`, `\x\x41`: `\xA`,
	} {
		require.Equal(t, want, unescape(in), in)
	}
}

// A log that is read for days tells of everybody's.
func TestKillsThatAreNotWantedAreNotKept(t *testing.T) {
	lines := summary7 + killed7 + "6,1,1,-;Tasks in /a/b are going to be killed due to memory.oom.group set\n" + killed7
	all := parse(lines)
	require.Len(t, all, 2)
	require.Equal(t, "/a", all[1].LimitGroup)
	p := parser{wanted: func(Kill) bool { return false }}
	for line := range strings.Lines(strings.Repeat(lines, 3)) {
		r, ok := parseRecord(line)
		require.True(t, ok)
		p.add(r)
	}
	require.Empty(t, p.kills)
	require.Equal(t, all[1], *p.last, "what its group has in common is known from the first one")
}
