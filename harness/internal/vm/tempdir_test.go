package vm

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/sys"
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

// Of guests that were started at once one ended with 125: its lock was held for the moment in which another looked at it.
func TestAFolderThatIsAboutToBeLockedIsLeftAlone(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, tempPrefix+"new")
	require.NoError(t, os.Mkdir(dir, 0o700))
	file := filepath.Join(dir, lockFile)
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		for range 500 {
			removeStale(parent)
		}
	}()
	for busy := true; busy; {
		select {
		case <-looked:
			busy = false
		default:
		}
		lock, err := os.OpenFile(file, os.O_RDWR, 0)
		require.NoError(t, err)
		require.NoError(t, sys.Flock(lock))
		require.NoError(t, lock.Close())
	}
}

// Anybody may make a folder of our name in /tmp.
func TestAFolderThatOthersCanWriteToIsNotLookedInto(t *testing.T) {
	parent := t.TempDir()
	elsewhere := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(elsewhere, nil, 0o600))
	open := filepath.Join(parent, tempPrefix+"open")
	require.NoError(t, os.Mkdir(open, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(open, lockFile), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(open, consoleFile), nil, 0o600))
	require.NoError(t, os.Chmod(open, 0o777))
	linked := filepath.Join(parent, tempPrefix+"linked") // as an own one, with a link for its lock
	require.NoError(t, os.Mkdir(linked, 0o700))
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(linked, lockFile)))
	require.NoError(t, os.WriteFile(filepath.Join(linked, consoleFile), nil, 0o600))
	link := filepath.Join(parent, tempPrefix+"link")
	target := t.TempDir()
	require.NoError(t, os.Chmod(target, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(target, lockFile), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(target, consoleFile), nil, 0o600))
	require.NoError(t, os.Symlink(target, link))
	foreign := filepath.Join(parent, tempPrefix+"foreign")
	if os.Geteuid() == 0 {
		require.NoError(t, os.CopyFS(foreign, os.DirFS(target)))
		require.NoError(t, os.Chmod(foreign, 0o700))
		require.NoError(t, os.Chown(foreign, 65534, 65534))
	}
	removeStale(parent)
	assert.DirExists(t, open)
	assert.DirExists(t, linked)
	assert.DirExists(t, target)
	assert.FileExists(t, filepath.Join(link, lockFile))
	if os.Geteuid() == 0 {
		assert.DirExists(t, foreign)
	}
}
