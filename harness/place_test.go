package harness

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestThePlaceOfATargetIsNamedAsItsCage(t *testing.T) {
	const home = "/oomcage/run-1-abc/cage-1"
	for membership, want := range map[string]string{
		"0::" + home + "\n":              home,
		"0::" + home + "/pod/inner\n":    home + "/pod/inner",
		"0::" + home + " (deleted)\n":    home,
		"0::" + home + "0\n":             home + "0",
		"0::/docker/x" + home + "/pod\n": home + "/pod",
		"0::/\n":                         "/",
		"0::/a b\n":                      "/a b",
		"12:memory:/user\n1:name=systemd:/x\n0::" + home + "\n": home,
		"12:memory:/user\n": "",
		"":                  "",
	} {
		require.Equal(t, want, placeIn(home, membership), membership)
	}
}

// stat is /proc/PID/stat of a process with odd names.
func stat(state string, threads, exitCode int) string {
	return fmt.Sprintf("7 (a) S) %s 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 %d 0 9 0 0 %d 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 %d\n", state, threads, 1<<40, exitCode)
}

func TestAMainThreadThatEndedByItselfIsKnown(t *testing.T) {
	for text, want := range map[string]bool{
		stat("Z", 2, 0):       true,
		stat("Z", 2, 3<<8):    true,
		stat("Z", 2, 9):       false, // the process is being killed
		stat("Z", 1, 0):       false, // all of it has ended
		stat("S", 2, 0):       false,
		"7 (a) Z 1":           false,
		"":                    false,
		stat("Z", 2, 0)[:100]: false,
	} {
		require.Equal(t, want, leaderEnded(text), text)
	}
	own, err := os.ReadFile("/proc/self/stat")
	require.NoError(t, err)
	require.False(t, leaderEnded(string(own)))
}

func TestATargetIsOutsideFromWhenItLeft(t *testing.T) {
	in, out, back := Move{1, "/up/cage/pod"}, Move{2, "/other"}, Move{4, "/up/cage"}
	for _, c := range []struct {
		moves       []Move
		place       string
		left, spent time.Duration // when it left for good, and for a time; 0: never
	}{
		{nil, "/up/cage", 0, 0},
		{[]Move{in}, "/up/cage/pod", 0, 0},
		{[]Move{in, out}, "/other", 2, 0},
		{[]Move{out, {3, "/"}}, "/", 2, 0},
		{[]Move{out, back}, "/up/cage", 0, 2},
		{[]Move{out, back, {5, "/up/cage2"}}, "/up/cage2", 5, 0},
	} {
		e := Evidence{Cage: "/up/cage", Moves: c.moves}
		require.Equal(t, c.place, e.place())
		left, is := e.outside()
		require.Equal(t, c.left != 0, is)
		require.Equal(t, c.left, left.At)
		spent, was := e.excursion()
		require.Equal(t, c.spent != 0, was)
		require.Equal(t, c.spent, spent.At)
	}
}

func TestMovesAreBoundedAndTheLastIsKept(t *testing.T) {
	w := witness{group: "/cage"}
	w.note(1, whereabouts{group: "/cage"})
	w.note(1, whereabouts{})
	require.Empty(t, w.moves)
	for i := range 100 {
		w.note(time.Duration(i), whereabouts{group: fmt.Sprint("/", i)})
	}
	require.Len(t, w.moves, mostMoves)
	require.Equal(t, Move{99, "/99"}, w.moves[mostMoves-1])
}

func TestChangesOfALimitAreBoundedAndSaid(t *testing.T) {
	own, above := limitKey{"/up/cage", "memory.max"}, limitKey{"/up", "memory.max"}
	w := witness{limits: map[limitKey]Bytes{}}
	w.noteLimits(0, []limitReading{{own, 50}, {above, Unlimited}})
	require.Empty(t, w.changes, "the first reading is no change")
	w.noteLimits(2*time.Second, []limitReading{{own, 50}, {above, 70}})
	for i := range 100 {
		w.noteLimits(3*time.Second, []limitReading{{own, Bytes(100 + i)}})
	}
	require.Len(t, w.changes, 1+mostChanges)
	e := Evidence{Cage: "/up/cage", Limits: Limits{Max: 50}, LimitChanges: w.changes, Peak: 190}
	require.Equal(t, "; memory.max of /up was changed during the run, from max to 70, seen after 2s"+
		"; memory.max was changed during the run, 8 times, from 50 to 199, seen after 3s", e.changes())
	require.Equal(t, "190 of 199 bytes", fullness(e))
	e.LimitChanges = []LimitChange{{Group: "/up/cage", File: "memory.max", From: 50, To: Unlimited}}
	require.Equal(t, "190 bytes, no memory.max", fullness(e))
	e.LimitChanges[0].To = 0
	require.Equal(t, "190 of 0 bytes", fullness(e))
	require.Empty(t, Evidence{}.changes())
}

// A cgroup above that gets its memory controller during the run, or loses it, shifts the others.
func TestCgroupsAboveAreComparedByTheirPaths(t *testing.T) {
	above := func(all ...Ancestor) snapshot { return snapshot{ancestors: all, unread: map[string]string{}} }
	a, b, c := Ancestor{Path: "/a/b/c", EventsLocal: Events{OOM: 5}}, Ancestor{Path: "/a/b", EventsLocal: Events{OOM: 1}}, Ancestor{Path: "/a", EventsLocal: Events{OOM: 7}}
	zero := func(a Ancestor) Ancestor { a.EventsLocal = Events{}; return a }

	e := compare(above(a, c), above(a, b, c))
	require.Equal(t, []Ancestor{zero(a), b, zero(c)}, e.Ancestors)
	require.Empty(t, e.Unread)

	e = compare(above(a, b, c), above(a, c))
	require.Equal(t, []Ancestor{zero(a), zero(c)}, e.Ancestors)
	require.Contains(t, e.Unread, "/a/b/memory.events.local")
}

// What an earlier run has left below the cage is not this run's.
func TestCgroupsBelowAreCompared(t *testing.T) {
	below := func(n uint64, path string) snapshot {
		return snapshot{below: []Ancestor{{Path: path, EventsLocal: Events{OOMKill: n}}}, unread: map[string]string{}}
	}
	require.EqualValues(t, 1, compare(below(2, "/cage/pod"), below(3, "/cage/pod")).Below[0].EventsLocal.OOMKill)
	require.EqualValues(t, 3, compare(below(2, "/cage/other"), below(3, "/cage/pod")).Below[0].EventsLocal.OOMKill)
	require.Contains(t, compare(below(3, "/cage/pod"), below(2, "/cage/pod")).Unread["/cage/pod/memory.events.local"], "fell from 3 to 2")

	before := below(0, "/cage/pod")
	before.unreadBelow = map[string]string{"/cage/pod/memory.events.local": "busy", "/cage/x/memory.events.local": "gone"}
	require.Equal(t, map[string]string{"/cage/pod/memory.events.local": "busy"}, compare(before, below(1, "/cage/pod")).Unread)
}

func TestPressureThatCouldNotBeReadIsNoneThatWasThere(t *testing.T) {
	before := snapshot{pressure: Pressure{Some: 5, Full: 5}, unread: map[string]string{}}
	after := snapshot{unread: map[string]string{"memory.pressure": "it is switched off"}}
	require.Zero(t, compare(before, after).Pressure)
}

func TestWhatDaemonsNotedBeforeIsNotOfThisRun(t *testing.T) {
	oomd := func(group string, ooms, kills uint64) DaemonKill {
		return DaemonKill{"systemd-oomd", group, ooms, kills}
	}
	require.Empty(t, daemonKillsSince([]DaemonKill{oomd("/a", 1, 4)}, []DaemonKill{oomd("/a", 1, 4)}))
	require.Equal(t, []DaemonKill{oomd("/a", 1, 2), oomd("/b", 1, 0)}, daemonKillsSince(
		[]DaemonKill{oomd("/a", 2, 6), oomd("/b", 1, 0)}, []DaemonKill{oomd("/a", 1, 4), {"oomd", "/b", 1, 0}}))
}

func TestAnAttributeThatIsNoNumberIsAnError(t *testing.T) {
	dir := t.TempDir()
	n, err := readCountAttribute(dir, "user.oomd_kill")
	require.NoError(t, err)
	require.Zero(t, n)
	if err := unix.Setxattr(dir, "user.oomd_kill", []byte("12"), 0); err != nil {
		t.Skipf("%s takes no attributes: %v", dir, err)
	}
	n, err = readCountAttribute(dir, "user.oomd_kill")
	require.NoError(t, err)
	require.EqualValues(t, 12, n)
	require.NoError(t, unix.Setxattr(dir, "user.oomd_kill", []byte("many"), 0))
	_, err = readCountAttribute(dir, "user.oomd_kill")
	require.ErrorContains(t, err, `"many" is not a number`)
}
