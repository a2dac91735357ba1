package vm

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWorkingDirectoryIsMovedWithLinksModesAndTimes(t *testing.T) {
	src, dst := t.TempDir(), filepath.Join(t.TempDir(), "work")
	script := filepath.Join(src, "sub", "script")
	writeFile(t, script, "#!/bin/sh\n", 0o755)
	require.NoError(t, os.Chmod(filepath.Dir(script), 0o777|os.ModeSticky))
	require.NoError(t, os.Symlink("sub/script", filepath.Join(src, "link")))
	before, err := os.Stat(script)
	require.NoError(t, err)

	require.NoError(t, copyFolder(src, dst))
	after, err := os.Stat(filepath.Join(dst, "link"))
	require.NoError(t, err)
	assert.Equal(t, before.Mode(), after.Mode())
	assert.Equal(t, before.ModTime(), after.ModTime())
	info, err := os.Stat(filepath.Join(dst, "sub"))
	require.NoError(t, err)
	assert.Equal(t, os.ModeDir|os.ModeSticky|0o777, info.Mode())
	assert.NoFileExists(t, script, "it would take memory twice")
}
