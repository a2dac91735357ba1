package harness

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/internal/kmsg"
	"oomcage/harness/outcome"
)

// The kernel's log is everybody's: kills of others, of an earlier cage, in a namespace's cgroups.
func TestOnlyTheCagesOwnKillsAreTakenFromTheLog(t *testing.T) {
	const cage = "/oomcage/run-1-abc/cage-1"
	log := []kmsg.Kill{
		{PID: 1, VictimGroup: "/docker/x", LimitGroup: "/docker/x"},
		{PID: 2, VictimGroup: cage + "0", LimitGroup: cage + "0"},
		{PID: 3, VictimGroup: cage, LimitGroup: cage, AnonRSS: 4096, Name: "a"},
		{PID: 4, VictimGroup: cage + "/below", LimitGroup: "/oomcage"},
		{PID: 5, VictimGroup: "/docker/y" + cage, LimitGroup: "/docker/y"},
		{PID: 7, Name: "rate-limited"},
		{PID: 8, Name: "rate-limited too, and not the target"},
		{PID: 9, VictimGroup: cage, Global: true},
	}
	require.Equal(t, []outcome.OOMKill{
		{PID: 3, Group: cage, Limit: cage, Anon: 4096, Name: "a"},
		{PID: 4, Group: cage + "/below", Limit: "/oomcage"},
		{PID: 7, Name: "rate-limited"},
		{PID: 9, Group: cage, Global: true},
	}, loggedCage{cage, 7, false}.killsIn(log))
	require.EqualValues(t, 1, loggedCage{cage, 7, false}.unplaced(log), "of 8")
	require.Empty(t, loggedCage{name: cage}.killsIn([]kmsg.Kill{{PID: 0, Name: "a PID that is unknown is nobody's"}}))
}

// What counted the kill may have taken all of the time that was left: what stands in the log is read still.
func TestTheLogIsReadWhenTheTimeIsUp(t *testing.T) {
	log := openKernelLog()
	defer log.close()
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	e := Evidence{Cage: "/oomcage/none", Events: outcome.Events{OOMKill: 1}, Unread: map[outcome.Source]string{}}
	require.Equal(t, lateGrace, logTime(ctx))
	log.complete(logTime(ctx), &e)
	if log.err != nil { // an ordinary user may not read it
		require.NotEmpty(t, e.Unread[outcome.KernelLog])
	} else {
		require.Empty(t, e.Unread)
	}
}

// stagedLog is a kernel log that the test writes, whose records a socket keeps apart.
func stagedLog(t *testing.T) (k *kernelLog, write func(record string)) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	log, err := kmsg.From(os.NewFile(uintptr(fds[0]), "log"))
	require.NoError(t, err)
	w := os.NewFile(uintptr(fds[1]), "writer")
	t.Cleanup(func() { log.Close(); w.Close() })
	return &kernelLog{log: log}, func(record string) {
		t.Helper()
		_, err := w.WriteString(record)
		require.NoError(t, err)
	}
}

// killedSomewhere is the line of a kill of which the kernel has suppressed the others.
const killedSomewhere = "3,1,1,-;Memory cgroup out of memory: Killed process 7 (x) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0\n"

// What is watched may live for days, and its cgroup be removed before its counters are read for the last time.
func TestAKillBeforeTheCountersWereReadIsNoneThatTheyLack(t *testing.T) {
	log, write := stagedLog(t)
	l := &watchedLife{watching: &watching{log: log}}
	read := func(counted uint64) Evidence {
		e := Evidence{Cage: "/web", Events: Events{OOMKill: counted}, Watched: &outcome.Watched{}, Unread: map[outcome.Source]string{}}
		l.readLog(&e)
		require.Empty(t, e.Unread)
		return e
	}
	write(killedSomewhere)
	log.catchUp(time.Second)
	log.settle() // and nothing was counted
	require.EqualValues(t, 1, read(1).UnplacedKills, "it may be the one that was counted")
	require.Zero(t, read(0).UnplacedKills)
	write(killedSomewhere)
	require.EqualValues(t, 1, read(0).UnplacedKills, "it may be in the cgroup")

	log.settle()
	log.read.losses++ // as when the log was overrun, before the counters were read
	log.settle()
	require.Zero(t, read(0).UnplacedKills)
	require.Equal(t, 1, log.from.losses)
}

// Of a life in which nothing was counted, the log is not asked.
func TestAKillOfALifeBeforeIsNotOfTheNext(t *testing.T) {
	log, write := stagedLog(t)
	write(killedSomewhere)
	log.catchUp(time.Second)
	log.from = log.read
	e := Evidence{Cage: "/web", Events: Events{OOMKill: 1}, Unread: map[outcome.Source]string{}}
	log.complete(time.Millisecond, &e)
	require.Zero(t, e.UnplacedKills)
}

func TestOnlyKillsThatMayBeInTheCageAreKept(t *testing.T) {
	for _, c := range []struct {
		cage  loggedCage
		group string
		want  bool
	}{
		{loggedCage{name: "/web"}, "/web", true},
		{loggedCage{name: "/web"}, "/web/below", true},
		{loggedCage{name: "/web"}, "/web2", false},
		{loggedCage{name: "/web"}, "/docker/web", false},
		{loggedCage{name: "/web"}, "", true},
		{loggedCage{name: "/"}, "/web", true},
		{loggedCage{name: "/web", hidden: true}, "/docker/web/below", true},
		{loggedCage{name: "/web", hidden: true}, "/docker/db", false},
		{loggedCage{name: "/", hidden: true}, "/docker/db", true},
	} {
		require.Equal(t, c.want, c.cage.concerns(kmsg.Kill{VictimGroup: c.group}), "%v %s", c.cage, c.group)
	}
}

// A cgroup that is watched has a name that others may have as well, further down.
func TestACgroupIsKnownByItsWholeName(t *testing.T) {
	at := func(pid int, group, limit string) kmsg.Kill {
		return kmsg.Kill{PID: pid, VictimGroup: group, LimitGroup: limit}
	}
	kill := func(pid int, group, limit string) outcome.OOMKill {
		return outcome.OOMKill{PID: pid, Group: group, Limit: limit}
	}
	for name, c := range map[string]struct {
		cage     loggedCage
		log      []kmsg.Kill
		want     []outcome.OOMKill
		unplaced uint64
	}{
		"of that name further down": {loggedCage{"/web", 7, false}, []kmsg.Kill{at(1, "/machine.slice/x/web", "/machine.slice/x/web"), at(2, "/web2", "/"), at(7, "/web", "/web")},
			[]outcome.OOMKill{kill(7, "/web", "/web")}, 0},
		"the root":                      {loggedCage{"/", 7, false}, []kmsg.Kill{at(1, "/a", "/a"), at(2, "/", "")}, []outcome.OOMKill{kill(1, "/a", "/a"), kill(2, "/", "")}, 0},
		"in a namespace":                {loggedCage{"/web", 0, true}, []kmsg.Kill{at(1, "/docker/y/web", "/docker/y"), at(2, "/docker/y/web/a", "/docker/y/web"), at(3, "/web", "/web")}, []outcome.OOMKill{kill(1, "/web", "/docker/y"), kill(2, "/web/a", "/web")}, 0},
		"in one of two namespaces":      {loggedCage{"/web", 0, true}, []kmsg.Kill{at(1, "/docker/y/web", "/docker/y/web"), at(2, "/docker/z/web", "/docker/z/web")}, nil, 2},
		"in that of the target":         {loggedCage{"/web", 2, true}, []kmsg.Kill{at(1, "/docker/y/web", "/docker/y/web"), at(2, "/docker/z/web", "/docker/z/web")}, []outcome.OOMKill{kill(2, "/web", "/web")}, 0},
		"a namespace's root":            {loggedCage{"/", 0, true}, []kmsg.Kill{at(1, "/docker/y", "/docker/y"), at(2, "/other", "/other")}, nil, 2},
		"a namespace's root, by its ID": {loggedCage{"/", 1, true}, []kmsg.Kill{at(1, "/docker/y", "/docker/y"), at(2, "/other", "/other")}, []outcome.OOMKill{kill(1, "", "")}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, c.cage.killsIn(c.log))
			require.Equal(t, c.unplaced, c.cage.unplaced(c.log))
		})
	}
}

// A line of results has two reports at most: of many kills in a row, each would have one.
func TestTheFirstReportAndTheTargetsAreKept(t *testing.T) {
	const cage, target = "/cage", 7
	kill := func(pid int, order int) kmsg.Kill {
		return kmsg.Kill{PID: pid, VictimGroup: "/outside" + cage, LimitGroup: "/outside" + cage, Report: &kmsg.Report{
			Order: order, Memory: &kmsg.Usage{Usage: 2, Limit: 1, FailCnt: 3}, Stack: []string{"out_of_memory", "pipe_write"}, Stat: map[string]uint64{"anon": 1},
			Tasks: []kmsg.Task{{TID: 9, PID: pid, UID: 1, Name: "app", RSS: 6, AnonRSS: 1, FileRSS: 2, ShmemRSS: 3, PageTables: 4, Swap: 5, OOMScoreAdj: 6}}, RestCount: 1, Rest: kmsg.Task{RSS: 7},
		}}
	}
	none := kmsg.Kill{PID: 5, VictimGroup: "/outside" + cage, LimitGroup: "/outside" + cage}
	elsewhere := kill(target, 9)
	elsewhere.VictimGroup = "/other"
	for name, c := range map[string]struct {
		log  []kmsg.Kill
		want []int // orders, of which 0 is no report
	}{
		"one":                           {[]kmsg.Kill{kill(target, 1)}, []int{1}},
		"none":                          {[]kmsg.Kill{none, none}, []int{0, 0}},
		"the target's in the middle":    {[]kmsg.Kill{kill(3, 1), kill(4, 2), kill(target, 3), kill(5, 4)}, []int{1, 0, 3, 0}},
		"the target's twice":            {[]kmsg.Kill{kill(3, 1), kill(target, 2), kill(target, 3), kill(5, 4)}, []int{1, 0, 3, 0}},
		"the target's first":            {[]kmsg.Kill{kill(target, 1), kill(4, 2), kill(5, 3)}, []int{1, 0, 0}},
		"none of the target's":          {[]kmsg.Kill{none, kill(3, 1), kill(4, 2), kill(5, 3), none}, []int{0, 1, 0, 3, 0}},
		"the target's without one":      {[]kmsg.Kill{kill(3, 1), {PID: target, VictimGroup: "/outside" + cage}, kill(5, 3)}, []int{1, 0, 3}},
		"elsewhere, by the target's ID": {[]kmsg.Kill{elsewhere, kill(3, 1), kill(4, 2)}, []int{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int
			for _, k := range (loggedCage{cage, target, true}).killsIn(c.log) {
				order := 0
				if k.Report != nil {
					order = k.Report.Order
				}
				got = append(got, order)
			}
			require.Equal(t, c.want, got)
		})
	}
	require.Equal(t, &outcome.OOMReport{
		Group: cage, Order: 1, Memory: &outcome.OOMUsage{Usage: 2, Limit: 1, FailCnt: 3}, Stack: []string{"pipe_write"}, Stat: map[string]uint64{"anon": 1},
		Tasks:     []outcome.OOMTask{{PID: 9, TGID: 7, UID: 1, Name: "app", RSS: 6, Anon: 1, File: 2, Shmem: 3, PageTables: 4, Swap: 5, OOMScoreAdj: 6}},
		RestCount: 1, Rest: &outcome.OOMTask{RSS: 7},
	}, loggedCage{cage, target, true}.killsIn([]kmsg.Kill{kill(target, 1)})[0].Report)
}
