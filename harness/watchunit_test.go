package harness

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// standInForSystemctl puts a script into the PATH, alone.
func standInForSystemctl(t *testing.T, script string) {
	t.Helper()
	bin := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, "systemctl"), []byte("#!/bin/sh\n"+script), 0o700)) //nolint:gosec // it is executed
	t.Setenv("PATH", bin)
}

func TestAUnitIsLookedForInTheSystemAndThenInTheUser(t *testing.T) {
	standInForSystemctl(t, `case $1 in
--system) echo LoadState=not-found; echo ControlGroup= ;;
--user) echo LoadState=loaded; echo ActiveState=active; echo ControlGroup=/user.slice/web.service ;;
esac`)
	u, err := findUnit(t.Context(), "web")
	require.NoError(t, err)
	require.Equal(t, &unit{"web", "--user", "/user.slice/web.service"}, u)
}

func TestAUnitThatCannotBeWatchedIsAnErrorThatHelps(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := findUnit(t.Context(), "web")
	require.EqualError(t, err, "find the unit web: there is no systemctl here; name its cgroup instead, such as /system.slice/web.service")

	standInForSystemctl(t, "echo LoadState=not-found; echo ControlGroup=")
	_, err = findUnit(t.Context(), "web")
	require.EqualError(t, err, "there is no unit web: systemctl --system knows none, systemctl --user knows none; systemctl list-units lists those that there are")

	standInForSystemctl(t, `if [ "$1" = --user ]; then echo no bus >&2; exit 1; fi; echo LoadState=not-found`)
	_, err = findUnit(t.Context(), "web")
	require.ErrorContains(t, err, "systemctl --system knows none, systemctl --user: no bus;")

	standInForSystemctl(t, "echo LoadState=loaded; echo ActiveState=failed; echo SubState=failed; echo ControlGroup=")
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

func TestTheMainProcessIsTheOldestWhoseParentIsOutside(t *testing.T) {
	parent, started, ok := lineage("7 (a) b (c) S 42 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 1")
	require.True(t, ok)
	require.EqualValues(t, 42, parent)
	require.EqualValues(t, 4711, started)
	_, _, ok = lineage("7 (a) S 42")
	require.False(t, ok)

	self := uint64(os.Getpid())
	require.EqualValues(t, self, oldest([]uint64{self, 1<<22 + 1}), "one is this process, and the other none")
	require.Zero(t, oldest(nil))
}
