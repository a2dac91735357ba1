package harness

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/internal/filemodes"
	"oomcage/harness/internal/sys"
)

func TestATMPDIRIsRemovedWithAllThatIsInIt(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s, err := newScratch()
	require.NoError(t, err)
	info, err := os.Stat(s.dir())
	require.NoError(t, err)
	require.Equal(t, os.ModeDir|os.ModeSticky|0o777, info.Mode(), "any user may use it")
	outside := filepath.Join(t.TempDir(), "kept")
	mustWrite(t, outside, "x")
	require.NoError(t, os.Symlink(filepath.Dir(outside), filepath.Join(s.dir(), "link")))
	require.NoError(t, os.MkdirAll(filepath.Join(s.dir(), "a/b"), 0o700))
	outer := s.outer
	require.NoError(t, s.remove())
	require.NoDirExists(t, outer)
	require.FileExists(t, outside, "no link is followed")
	require.NoError(t, s.remove(), "again")
}

func TestATMPDIRThatAKilledRunHasLeftIsRemovedByTheNext(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	living, err := newScratch()
	require.NoError(t, err)
	defer func() { require.NoError(t, living.remove()) }()
	dead, err := newScratch()
	require.NoError(t, err)
	mustWrite(t, filepath.Join(dead.dir(), "file"), "x")
	require.NoError(t, dead.lock.Close()) // as its owner's end does
	stranger := filepath.Join(dir, scratchPrefix+"link")
	target := t.TempDir()
	mustWrite(t, filepath.Join(target, "kept"), "x")
	require.NoError(t, os.Symlink(target, stranger))

	removeScratchIn(dir)
	require.NoDirExists(t, dead.outer)
	require.DirExists(t, living.dir())
	require.FileExists(t, filepath.Join(target, "kept"))

	f, err := sys.LockFolder(living.outer)
	require.ErrorIs(t, err, unix.EWOULDBLOCK)
	require.Nil(t, f)
}

// Go's module cache is such a folder. Root may write to it all the same.
func TestATMPDIRIsRemovedThoughItHasFoldersThatNobodyMayWriteTo(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	outside := t.TempDir()
	require.NoError(t, os.Chmod(outside, 0o500))
	for _, remove := range []func(*scratch) error{(*scratch).remove, func(s *scratch) error {
		defer removeScratchIn(dir)
		return s.lock.Close() // as its owner's end does
	}} {
		s, err := newScratch()
		require.NoError(t, err)
		for _, sub := range []string{"none", "module/sub"} {
			require.NoError(t, os.MkdirAll(filepath.Join(s.dir(), sub), 0o700))
			mustWrite(t, filepath.Join(s.dir(), sub, "file"), "x")
		}
		require.NoError(t, os.Symlink(outside, filepath.Join(s.dir(), "module/link")))
		for path, mode := range map[string]fs.FileMode{"none": 0, "module/sub": 0o555, "module": 0o555} {
			require.NoError(t, os.Chmod(filepath.Join(s.dir(), path), mode))
		}
		filemodes.Hold(t, func() { require.NoError(t, remove(s)) })
		require.Empty(t, entriesOf(t, dir))
	}
	info, err := os.Stat(outside)
	require.NoError(t, err)
	require.EqualValues(t, 0o500, info.Mode().Perm(), "no link is followed")
}

func entriesOf(t *testing.T, dir string) []fs.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	return entries
}

func TestATMPDIRThatATargetIsGivenIsLeftAlone(t *testing.T) {
	s, err := scratchFor(Target{Env: []string{"A=b", "TMPDIR=/mine"}})
	require.NoError(t, err)
	require.Nil(t, s)
	require.NoError(t, s.remove())

	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	_, err = scratchFor(Target{})
	require.ErrorContains(t, err, "make a TMPDIR for the target (one in its Env is taken instead): ")
}

// An image with nothing but static programs has no /tmp.
func TestATargetHasNoTMPDIRWhereThereIsNoTmp(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "tmp")
	tempDir = func() string { return missing }
	defer func() { tempDir = os.TempDir }()

	t.Setenv("TMPDIR", "")
	s, err := scratchFor(Target{})
	require.NoError(t, err)
	require.Nil(t, s)
	require.NoDirExists(t, missing)

	t.Setenv("TMPDIR", missing) // somebody wants it there
	_, err = scratchFor(Target{})
	require.ErrorIs(t, err, fs.ErrNotExist)
}
