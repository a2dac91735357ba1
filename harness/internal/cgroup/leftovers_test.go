package cgroup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
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
