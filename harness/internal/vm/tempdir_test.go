package vm

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFoldersOfKilledRunsAreRemovedAndOthersAreNot(t *testing.T) {
	parent := t.TempDir()
	t.Setenv("TMPDIR", parent)
	stale := filepath.Join(parent, tempPrefix+"stale")
	for _, dir := range []string{stale, filepath.Join(parent, "oomcage-vm-foreign")} {
		put(t, filepath.Join(dir, consoleFile), "")
		require.NoError(t, os.Chmod(dir, 0o700))
	}
	first, removeFirst, err := privateDir()
	require.NoError(t, err)
	put(t, filepath.Join(first, consoleFile), "")
	assert.NoDirExists(t, stale)
	assert.DirExists(t, filepath.Join(parent, "oomcage-vm-foreign"), "the artifacts of a failure are called so")

	second, removeSecond, err := privateDir()
	require.NoError(t, err)
	assert.DirExists(t, first, "its owner lives")
	info, err := os.Stat(second)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	removeFirst()
	removeSecond()
	assert.NoDirExists(t, first)
	assert.NoDirExists(t, second)
}
