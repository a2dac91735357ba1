package outcome

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A cgroup above that gets its memory controller during the run, or loses it, shifts the others.
func TestCgroupsAboveAreComparedByTheirPaths(t *testing.T) {
	above := func(all ...Ancestor) Reading { return Reading{Ancestors: all, Unread: map[Source]string{}} }
	a, b, c := Ancestor{Path: "/a/b/c", EventsLocal: Events{OOM: 5}}, Ancestor{Path: "/a/b", EventsLocal: Events{OOM: 1}}, Ancestor{Path: "/a", EventsLocal: Events{OOM: 7}}
	zero := func(a Ancestor) Ancestor { a.EventsLocal = Events{}; return a }

	e := above(a, b, c).Since(above(a, c))
	require.Equal(t, []Ancestor{zero(a), b, zero(c)}, e.Ancestors)
	require.Empty(t, e.Unread)

	e = above(a, c).Since(above(a, b, c))
	require.Equal(t, []Ancestor{zero(a), zero(c)}, e.Ancestors)
	require.Contains(t, e.Unread, EventsOf("/a/b"))
}

// What an earlier run has left below the cage is not this run's.
func TestCgroupsBelowAreCompared(t *testing.T) {
	below := func(n uint64, path string) Reading {
		return Reading{Below: []Ancestor{{Path: path, EventsLocal: Events{OOMKill: n}}}, Unread: map[Source]string{}}
	}
	require.EqualValues(t, 1, below(3, "/cage/pod").Since(below(2, "/cage/pod")).Below[0].EventsLocal.OOMKill)
	require.EqualValues(t, 3, below(3, "/cage/pod").Since(below(2, "/cage/other")).Below[0].EventsLocal.OOMKill)
	require.Contains(t, below(2, "/cage/pod").Since(below(3, "/cage/pod")).Unread[EventsOf("/cage/pod")], "fell from 3 to 2")

	before := below(0, "/cage/pod")
	before.UnreadBelow = map[Source]string{EventsOf("/cage/pod"): "busy", EventsOf("/cage/x"): "gone"}
	require.Equal(t, map[Source]string{EventsOf("/cage/pod"): "busy"}, below(1, "/cage/pod").Since(before).Unread)
}

func TestPressureThatCouldNotBeReadIsNoneThatWasThere(t *testing.T) {
	known := func() Reading { return Reading{Pressure: Pressure{Some: 5, Full: 5}, Unread: map[Source]string{}} }
	unknown := func() Reading { return Reading{Unread: map[Source]string{PressureFile: "it is switched off"}} }
	require.Zero(t, unknown().Since(known()).Pressure)
	require.Zero(t, known().Since(unknown()).Pressure, "what was there before the run is not this run's")
}

func TestWhatDaemonsNotedBeforeIsNotOfThisRun(t *testing.T) {
	oomd := func(group string, ooms, kills uint64) DaemonKill {
		return DaemonKill{"systemd-oomd", group, ooms, kills}
	}
	require.Empty(t, daemonKillsSince([]DaemonKill{oomd("/a", 1, 4)}, []DaemonKill{oomd("/a", 1, 4)}))
	require.Equal(t, []DaemonKill{oomd("/a", 1, 2), oomd("/b", 1, 0)}, daemonKillsSince(
		[]DaemonKill{oomd("/a", 2, 6), oomd("/b", 1, 0)}, []DaemonKill{oomd("/a", 1, 4), {"oomd", "/b", 1, 0}}))
}

func TestCountersAreComparedNotTaken(t *testing.T) {
	before := Reading{Memory: Memory{Events: Events{OOM: 1, OOMKill: 1}, EventsLocal: Events{OOM: 1, OOMKill: 1}}, Unread: map[Source]string{}}
	e := Reading{Memory: before.Memory, Unread: map[Source]string{}}.Since(before)
	require.Zero(t, e.Events, "an earlier kill in the same cage is not this run's")

	e = Reading{Unread: map[Source]string{}}.Since(before)
	require.Contains(t, e.Unread[EventsFile], "fell from 1 to 0")
	e.Status = sigkill
	require.Equal(t, Inconclusive, verdictOf(e))
}

// The kernel counts locally first, and then upwards.
func TestWhatIsCountedInTheCageIsCountedInAll(t *testing.T) {
	all := Events{Max: 3, OOM: 1, OOMKill: 2}
	require.Equal(t, Events{Max: 3, OOM: 2, OOMKill: 2, OOMGroupKill: 1}, all.AtLeast(Events{OOM: 2, OOMKill: 1, OOMGroupKill: 1}))
	require.Equal(t, all, all.AtLeast(Events{}))
}
