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
	foreign := filepath.Join(parent, tempPrefix+"foreign")
	for _, file := range []string{stale + "/" + lockFile, stale + "/initramfs.cpio", foreign + "/" + consoleFile} {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, nil, 0o600))
	}
	first, removeFirst, err := privateDir()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(first, consoleFile), nil, 0o600))
	assert.NoDirExists(t, stale)
	assert.DirExists(t, foreign, "the artifacts of a failure look like this")

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
