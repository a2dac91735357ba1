package harness

import (
	"testing"

	"oomcage/harness/internal/kmsg"
	"oomcage/harness/outcome"

	"github.com/stretchr/testify/require"
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
		{PID: 6, VictimGroup: "/docker/y" + cage, LimitGroup: "/docker/y" + cage},
		{PID: 7, Name: "rate-limited"},
		{PID: 8, Name: "rate-limited too, and not the target"},
		{PID: 9, VictimGroup: cage, Global: true},
	}
	require.Equal(t, []outcome.OOMKill{
		{PID: 3, Group: cage, Limit: cage, Anon: 4096, Name: "a"},
		{PID: 4, Group: cage + "/below", Limit: "/oomcage"},
		{PID: 5, Group: cage, Limit: "/docker/y"},
		{PID: 6, Group: cage, Limit: cage},
		{PID: 7, Name: "rate-limited"},
		{PID: 9, Group: cage, Global: true},
	}, killsIn(cage, 7, log))
	require.EqualValues(t, 1, unplaced(7, log), "of 8")
	require.Empty(t, killsIn(cage, 0, []kmsg.Kill{{PID: 0, Name: "a PID that is unknown is nobody's"}}))
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
	none := kmsg.Kill{PID: 5, VictimGroup: cage, LimitGroup: cage}
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
		"the target's without one":      {[]kmsg.Kill{kill(3, 1), {PID: target, VictimGroup: cage}, kill(5, 3)}, []int{1, 0, 3}},
		"elsewhere, by the target's ID": {[]kmsg.Kill{elsewhere, kill(3, 1), kill(4, 2)}, []int{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int
			for _, k := range killsIn(cage, target, c.log) {
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
	}, killsIn(cage, target, []kmsg.Kill{kill(target, 1)})[0].Report)
}
