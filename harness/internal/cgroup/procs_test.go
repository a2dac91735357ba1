package cgroup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A cgroup below that is removed while the processes are listed hides none of the others; a file without one stands for it.
func TestACgroupBelowThatIsGoneHidesNoProcess(t *testing.T) {
	dir := t.TempDir()
	g := &Group{dir, filepath.Join(dir, "a")}
	for name, text := range map[string]string{"a": "1\n", "a/b": "2\n0\n", "a/b/c": "3\n"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name, "cgroup.procs"), []byte(text), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "a/aa"), 0o755))
	pids, err := g.Procs()
	require.NoError(t, err)
	require.ElementsMatch(t, []uint64{0, 1, 2, 3}, pids)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "a/b/cgroup.procs"), []byte("x\n"), 0o600))
	_, err = g.Procs()
	require.ErrorContains(t, err, "parse "+filepath.Join(dir, "a/b/cgroup.procs"))
	require.False(t, IsGone(err))
	require.NoError(t, os.RemoveAll(g.path))
	_, err = g.Procs()
	require.ErrorIs(t, err, unix.ENOENT)
	require.True(t, IsGone(err))
}
