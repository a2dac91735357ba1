package cgroup

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Directories of any file system are told of in the same way.
func TestBirthsTellWhatWasRemoved(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "own"), 0o700))
	b, err := (&Group{dir, dir}).WatchBirths()
	require.NoError(t, err)
	defer b.Close()
	gone := func() (n int) {
		select {
		case <-b.Changed:
		case <-time.After(time.Minute):
			t.Fatal("nobody was told")
		}
		n, all := b.Gone("own")
		require.True(t, all)
		return n
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "own")))
	require.Zero(t, gone())
	require.NoError(t, os.Mkdir(filepath.Join(dir, "other"), 0o700))
	require.Zero(t, gone())
	require.NoError(t, os.Remove(filepath.Join(dir, "other")))
	require.Equal(t, 1, gone())

	b.take([]byte{0: 0, 4: 0, 5: 0x40, 15: 0}) // IN_Q_OVERFLOW
	_, all := b.Gone("own")
	require.False(t, all)

	_, err = (&Group{dir, filepath.Join(dir, "none")}).WatchBirths()
	require.ErrorIs(t, err, os.ErrNotExist)
}
