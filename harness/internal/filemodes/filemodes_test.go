//go:build linux

package filemodes

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestModesHoldEveryUserAndOnlyWhileTheyAreToHold(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.WriteFile(closed, nil, 0))
	_, before := os.ReadFile(closed)
	Hold(t, func() {
		_, err := os.ReadFile(closed)
		require.ErrorIs(t, err, os.ErrPermission)
		require.NoError(t, os.Chmod(closed, 0o600), "the owner may change it")
		_, err = os.ReadFile(closed)
		require.NoError(t, err)
	})
	require.NoError(t, os.Chmod(closed, 0))
	_, after := os.ReadFile(closed)
	require.Equal(t, before, after)
}
