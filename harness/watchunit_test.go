package harness

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

const unitsVariable = "OOMCAGE_TEST_UNITS"

// unitManager is one of systemd's, which this test binary plays: what it says of any unit, or why it says nothing.
type unitManager struct{ Properties, Error string }

func init() {
	roles["systemctl"] = func() {
		var managers map[string]unitManager
		fail(json.Unmarshal([]byte(os.Getenv(unitsVariable)), &managers))
		m := managers[os.Args[1]]
		if m.Error != "" {
			fmt.Fprintln(os.Stderr, m.Error)
			os.Exit(1)
		}
		fmt.Println(m.Properties)
	}
}

// standInForSystemctl puts it into the PATH, alone.
func standInForSystemctl(t *testing.T, system, user unitManager) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	bin := t.TempDir()
	require.NoError(t, os.Symlink(self, filepath.Join(bin, "systemctl")))
	t.Setenv("PATH", bin)
	t.Setenv(roleVariable, "systemctl")
	text, err := json.Marshal(map[string]unitManager{"--system": system, "--user": user})
	require.NoError(t, err)
	t.Setenv(unitsVariable, string(text))
}

var unknownUnit = unitManager{Properties: "LoadState=not-found\nControlGroup="}

func TestAUnitIsLookedForInTheSystemAndThenInTheUser(t *testing.T) {
	standInForSystemctl(t, unknownUnit, unitManager{Properties: "LoadState=loaded\nActiveState=active\nControlGroup=/user.slice/web.service"})
	u, err := findUnit(t.Context(), "web")
	require.NoError(t, err)
	require.Equal(t, &unit{"web", "--user", "/user.slice/web.service"}, u)
}

func TestAUnitThatTheUserRunsIsFoundThoughTheSystemHasAnIdleOneOfThatName(t *testing.T) {
	standInForSystemctl(t, unitManager{Properties: "LoadState=loaded\nActiveState=inactive\nSubState=dead\nControlGroup="},
		unitManager{Properties: "LoadState=loaded\nActiveState=active\nControlGroup=/user.slice/podman.service"})
	u, err := findUnit(t.Context(), "podman")
	require.NoError(t, err)
	require.Equal(t, &unit{"podman", "--user", "/user.slice/podman.service"}, u)
}

func TestAUnitThatCannotBeWatchedIsAnErrorThatHelps(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := findUnit(t.Context(), "web")
	require.EqualError(t, err, "find the unit web: there is no systemctl here; name its cgroup instead, such as /system.slice/web.service")

	standInForSystemctl(t, unknownUnit, unknownUnit)
	_, err = findUnit(t.Context(), "web")
	require.EqualError(t, err, "there is no unit web: systemctl --system knows none, systemctl --user knows none; systemctl list-units lists those that there are")

	standInForSystemctl(t, unknownUnit, unitManager{Error: "no bus"})
	_, err = findUnit(t.Context(), "web")
	require.ErrorContains(t, err, "systemctl --system knows none, systemctl --user: no bus;")

	standInForSystemctl(t, unitManager{Properties: "LoadState=loaded\nActiveState=failed\nSubState=failed\nControlGroup="}, unknownUnit)
	_, err = findUnit(t.Context(), "web")
	require.EqualError(t, err, "the unit web runs nothing now: it is failed (failed); start it first: systemctl --system start web")
}

func TestSystemdKnowsHowItsMainProcessHasEnded(t *testing.T) {
	for text, want := range map[string]outcome.ExitStatus{
		"ExecMainCode=1\nExecMainStatus=3\n": {Ended: true, Code: 3},
		"ExecMainCode=2\nExecMainStatus=9\n": {Ended: true, Code: -1, Signal: "SIGKILL"},
		"ExecMainCode=3\nExecMainStatus=6\n": {Ended: true, Code: -1, Signal: "SIGABRT"},
		"ExecMainCode=0\nExecMainStatus=0\n": {}, // it runs
		"":                                   {},
	} {
		got, known := exitOfProperties(parseProperties(text))
		require.Equal(t, want, got, text)
		require.Equal(t, want.Ended, known, text)
	}
}

func TestAStartThatSystemdRefusedIsNoLife(t *testing.T) {
	for text, want := range map[string]int{"NRestarts=3\nResult=oom-kill\n": 3, "NRestarts=3\nResult=start-limit-hit\n": 2, "NRestarts=0\n": 0} {
		got, known := restartsOf(parseProperties(text))
		require.True(t, known, text)
		require.Equal(t, want, got, text)
	}
	_, known := restartsOf(parseProperties("NRestarts=\n")) // a scope
	require.False(t, known)
}

func TestTheMainProcessIsTheOldestWhoseParentIsOutside(t *testing.T) {
	fields, started, err := parseStat("7 (a) b (c) S 42 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 1", startedAt)
	require.NoError(t, err)
	require.Equal(t, "42", fields[parentOf])
	require.EqualValues(t, 4711, started)
	_, _, err = parseStat("7 (a) S 42", startedAt)
	require.ErrorContains(t, err, "too few fields")

	self := uint64(os.Getpid())
	require.EqualValues(t, self, oldest([]uint64{self, 1<<22 + 1}), "one is this process, and the other none")
	require.Zero(t, oldest(nil))
}
