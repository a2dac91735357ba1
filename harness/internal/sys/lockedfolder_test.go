package sys

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFoldersWhoseOwnerIsGoneAreRemovedAndOthersAreNot(t *testing.T) {
	parent := t.TempDir()
	living, err := MakeLockedFolder(parent, "locked-")
	require.NoError(t, err)
	defer living.Close()
	info, err := os.Stat(living.Name())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	require.NoError(t, os.Chmod(living.Name(), 0o711))
	empty, err := MakeLockedFolder(parent, "locked-")
	require.NoError(t, err)
	require.NoError(t, empty.Close()) // as its owner's end does
	full, err := MakeLockedFolder(parent, "locked-")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(full.Name(), "file"), nil, 0o600))
	require.NoError(t, full.Close())
	other := filepath.Join(parent, "other")
	require.NoError(t, os.Mkdir(other, 0o700))

	RemoveUnlockedFolders(parent, "locked-", os.RemoveAll)
	assert.DirExists(t, living.Name())
	assert.NoDirExists(t, empty.Name())
	assert.NoDirExists(t, full.Name())
	assert.DirExists(t, other)
}

// Anybody may make a folder of such a name in /tmp.
func TestAFolderThatIsNotThisUsersAloneIsLeftAlone(t *testing.T) {
	parent, target := t.TempDir(), t.TempDir()
	require.NoError(t, os.Chmod(target, 0o700))
	link, open := filepath.Join(parent, "locked-link"), filepath.Join(parent, "locked-open")
	require.NoError(t, os.Symlink(target, link))
	require.NoError(t, os.Mkdir(open, 0o700))
	require.NoError(t, os.Chmod(open, 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(parent, "locked-file"), nil, 0o600))
	if os.Geteuid() == 0 {
		foreign := filepath.Join(parent, "locked-foreign")
		require.NoError(t, os.Mkdir(foreign, 0o700))
		require.NoError(t, os.Chown(foreign, 65534, 65534))
	}
	RemoveUnlockedFolders(parent, "locked-", func(path string) error {
		t.Error(path)
		return nil
	})
}

// Processes begin at any time, go test -exec has several begin at once, and each removes what those before have left.
func TestAFolderIsMadeWhileOthersRemoveThoseWhoseOwnerIsGone(t *testing.T) {
	parent := t.TempDir()
	makeThousand := func() {
		over, removing := make(chan struct{}), sync.WaitGroup{}
		defer removing.Wait()
		defer close(over)
		for range 2 {
			removing.Go(func() {
				for {
					select {
					case <-over:
						return
					default:
						RemoveUnlockedFolders(parent, "locked-", os.RemoveAll)
					}
				}
			})
		}
		for range 1000 {
			lock, err := MakeLockedFolder(parent, "locked-")
			require.NoError(t, err)
			require.DirExists(t, lock.Name())
			require.NoError(t, lock.Close()) // and whoever comes first removes it
		}
	}
	makeThousand()
	RemoveUnlockedFolders(parent, "locked-", os.RemoveAll)
	left, err := os.ReadDir(parent)
	require.NoError(t, err)
	assert.Empty(t, left)
}
