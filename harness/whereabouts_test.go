package harness

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
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
		require.Equal(t, want, readStatLine(text, false).leaderEnded(), text)
	}
	own, err := os.ReadFile("/proc/self/stat")
	require.NoError(t, err)
	require.False(t, readStatLine(string(own), false).leaderEnded())
}

func TestMovesAreBoundedAndTheLastIsKept(t *testing.T) {
	w := witness{group: "/cage"}
	w.note(1, whereabouts{group: "/cage"})
	w.note(1, whereabouts{})
	require.Empty(t, w.moves)
	for i := range 100 {
		w.note(time.Duration(i), whereabouts{group: fmt.Sprint("/", i)})
	}
	require.Len(t, w.moves, maxMoves)
	require.Equal(t, outcome.Move{At: 99, Group: "/99"}, w.moves[maxMoves-1])
}

func TestChangesOfALimitAreBounded(t *testing.T) {
	own, above := limitKey{"/up/cage", "memory.max"}, limitKey{"/up", "memory.max"}
	w := witness{limits: map[limitKey]Bytes{}}
	w.noteLimits(0, []limitReading{{own, 50}, {above, Unlimited}})
	require.Empty(t, w.changes, "the first reading is no change")
	w.noteLimits(2*time.Second, []limitReading{{own, 50}, {above, 70}})
	for i := range 100 {
		w.noteLimits(3*time.Second, []limitReading{{own, Bytes(100 + i)}})
	}
	require.Len(t, w.changes, 1+maxChanges)
	require.Equal(t, outcome.LimitChange{At: 2 * time.Second, Group: "/up", File: "memory.max", From: Unlimited, To: 70}, w.changes[0])
	require.Equal(t, outcome.LimitChange{At: 3 * time.Second, Group: "/up/cage", File: "memory.max", From: 106, To: 199}, w.changes[maxChanges], "the last stands for all that followed")
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
