package harness

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
