package cgroup

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// systemd has the instances of ci-runner@.service in such a slice.
func TestLeftOversAreFoundBelowAUnitWhoseNameIsEscaped(t *testing.T) {
	b := base{dir: filepath.Join(t.TempDir(), `system-ci\x2drunner.slice/ci-runner@1.service`)}
	run := filepath.Join(b.dir, guardName, runPrefix+"1-abc")
	require.NoError(t, os.MkdirAll(run, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(run, lockFile), nil, 0o200))
	lock, err := tryLock(&Group{path: run})
	require.NoError(t, err)
	defer lock.Close()
	aside := filepath.Join(b.dir, asidePrefix+"abc")
	require.NoError(t, os.Mkdir(aside, 0o755))

	left, runs, err := removeLeftOvers(t.Context(), b)
	require.NoError(t, err)
	require.Empty(t, left)
	require.Equal(t, 1, runs, "its owner lives")
	require.NoDirExists(t, aside)
}

func TestTheCommandThatHelpsNamesAUnitAsAShellTakesIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), `system-ci\x2drunner.slice/ci-runner@1.service`)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for file, text := range map[string]string{"cgroup.type": "domain\n", "cgroup.procs": "1\n", "cgroup.subtree_control": "\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
	}
	require.ErrorContains(t, requireAlone(base{dir: dir}), "mkdir '"+dir+"'/others && for p in $(cat '"+dir+"'/cgroup.procs); do echo $p >'"+dir+"'/others/cgroup.procs")
	refused := explainRefusal(&fs.PathError{Op: "open", Path: filepath.Join(dir, "cgroup.procs"), Err: unix.EACCES})
	require.ErrorContains(t, refused, " '"+dir+"' '"+dir+"'/cgroup.procs ")
}
