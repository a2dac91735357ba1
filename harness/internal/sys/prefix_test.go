package sys

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFolderIsNoPattern(t *testing.T) {
	for _, name := range []string{"plain", `system-ci\x2drunner.slice`, "[a-", "a*?"} {
		dir := filepath.Join(t.TempDir(), name)
		for _, in := range []string{"run-1", "run-2", "other"} {
			require.NoError(t, os.MkdirAll(filepath.Join(dir, in), 0o700))
		}
		found, err := WithPrefix(dir, "run-")
		require.NoError(t, err)
		require.Equal(t, []string{filepath.Join(dir, "run-1"), filepath.Join(dir, "run-2")}, found)
	}
	_, err := WithPrefix(filepath.Join(t.TempDir(), "missing"), "run-")
	require.ErrorIs(t, err, fs.ErrNotExist)
}
