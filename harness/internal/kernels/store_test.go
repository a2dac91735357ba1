package kernels

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// image is what looks like a kernel of that release.
func image(release string) []byte {
	b := make([]byte, 0x400)
	copy(b[0x202:], "HdrS")
	b[0x20e] = 0x80 // the version is at 0x200 after it
	copy(b[0x280:], release+" (builder@host) #1 SMP")
	return b
}

func mustWrite(t *testing.T, file string, data []byte) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, data, 0o644))
	return file
}

func silent(string) {}

// newStore is a store whose folder is not there yet.
func newStore(t *testing.T) Store {
	t.Helper()
	return Store{filepath.Join(t.TempDir(), "kernels"), AMD64, AMD64}
}

func mustAdd(t *testing.T, s Store, files ...string) Kernel {
	t.Helper()
	k, err := s.Add(t.Context(), files, silent)
	require.NoError(t, err)
	return k
}

// visible are the names in the store that are not its own.
func visible(t *testing.T, s Store) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	for _, e := range entries {
		if e.Name() != ".lock" {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestKernelsAreListedByTheirVersions(t *testing.T) {
	s := newStore(t)
	list, err := s.List()
	require.NoError(t, err)
	require.Empty(t, list, "nothing was ever fetched")
	for _, release := range []string{"6.8.0-100-generic", "6.12.1", "6.8.0-45-generic"} {
		mustAdd(t, s, mustWrite(t, filepath.Join(t.TempDir(), "vmlinuz-"+release), image(release)))
	}
	require.NoError(t, os.Mkdir(filepath.Join(s.dir, "7.0"), 0o700)) // without a kernel
	list, err = s.List()
	require.NoError(t, err)
	var releases []string
	for _, k := range list {
		releases = append(releases, k.Release)
		assert.Equal(t, k.Name, k.Release)
		assert.Greater(t, k.Size, int64(0x400))
	}
	require.Equal(t, []string{"6.8.0-45-generic", "6.8.0-100-generic", "6.12.1"}, releases)
}

func TestAKernelIsRemovedWithAllThatItHas(t *testing.T) {
	s := newStore(t)
	k := mustAdd(t, s, mustWrite(t, filepath.Join(t.TempDir(), "vmlinuz"), image("6.1")))
	mustWrite(t, filepath.Join(s.dir, string(ARM64), "6.1", "vmlinuz"), image("6.1"))
	for _, name := range []string{"6.2", "..", ".lock", "", string(ARM64)} {
		require.ErrorContains(t, s.Remove(t.Context(), k.Name, name), "there is no kernel", name)
	}
	require.FileExists(t, k.Image, "nothing is removed where a name is wrong")
	require.NoError(t, s.Remove(t.Context(), k.Name))
	require.Equal(t, []string{string(ARM64)}, visible(t, s))
}

func TestWhatAnInterruptedFetchLeftIsRemovedByTheNext(t *testing.T) {
	s := newStore(t)
	mustWrite(t, filepath.Join(s.dir, tempPrefix+"1/kernel/vmlinuz"), image("6.1"))
	list, err := s.List()
	require.NoError(t, err)
	require.Empty(t, list)
	mustAdd(t, s, mustWrite(t, filepath.Join(t.TempDir(), "vmlinuz"), image("6.2")))
	require.Equal(t, []string{"6.2"}, visible(t, s))
}

func TestOfTwoThatChangeTheKernelsOneWaits(t *testing.T) {
	s := newStore(t)
	unlock, err := s.lock(t.Context(), silent)
	require.NoError(t, err)
	file := mustWrite(t, filepath.Join(t.TempDir(), "vmlinuz"), image("6.1"))

	ctx, cancel := context.WithCancel(t.Context())
	_, err = s.Add(ctx, []string{file}, func(said string) {
		assert.Contains(t, said, "waiting")
		cancel()
	})
	require.ErrorIs(t, err, context.Canceled)

	done := make(chan error, 1)
	_, err = s.Add(t.Context(), []string{file}, func(string) { unlock() })
	done <- err
	require.NoError(t, <-done)
	require.Equal(t, []string{"6.1"}, visible(t, s))
}

func TestTheKernelsAreForTheirUserAlone(t *testing.T) {
	s := newStore(t)
	require.NoError(t, os.MkdirAll(s.dir, 0o777))
	require.NoError(t, os.Chmod(s.dir, 0o777)) // whatever the umask is
	mustAdd(t, s, mustWrite(t, filepath.Join(t.TempDir(), "vmlinuz"), image("6.1")))
	info, err := os.Stat(s.dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	require.NoError(t, os.Remove(filepath.Join(s.dir, ".lock")))
	require.NoError(t, os.Symlink("/etc/hostname", filepath.Join(s.dir, ".lock")))
	_, err = s.Fetch(t.Context(), "6.1", false, silent)
	require.ErrorIs(t, err, unix.ELOOP)

	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(s.dir, 65534, -1))
		_, err = s.Fetch(t.Context(), "6.1", false, silent)
		require.ErrorContains(t, err, "belongs to user 65534, and this is user 0")
		require.ErrorContains(t, err, "chown -R 0 "+s.dir)
	}
}

// A guest may boot at any time.
func TestAKernelIsThereWhileAnotherTakesItsPlace(t *testing.T) {
	s := newStore(t)
	file := mustWrite(t, filepath.Join(t.TempDir(), "vmlinuz"), image("99.1"))
	mustAdd(t, s, file)
	replaced := make(chan struct{})
	defer func() { <-replaced }()
	go func() {
		defer close(replaced)
		for range 100 {
			_, err := s.Add(t.Context(), []string{file}, silent)
			assert.NoError(t, err)
		}
	}()
	for busy := true; busy; {
		select {
		case <-replaced:
			busy = false
		default:
		}
		require.NoError(t, Check(filepath.Join(s.dir, "99.1", "vmlinuz"), s.arch))
	}
	kept, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	require.Len(t, kept, 2, "it, and the lock")
}

func TestNewestInstalledKernelThatCanBeBootedIsFirst(t *testing.T) {
	dir := t.TempDir()
	pattern := filepath.Join(dir, "vmlinuz-*")
	all, problems := installed(AMD64, pattern)
	assert.Empty(t, all)
	assert.Equal(t, []string{"nothing matches " + pattern}, problems)

	broken := mustWrite(t, filepath.Join(dir, "vmlinuz-7.0"), []byte("text"))
	all, problems = installed(AMD64, pattern)
	assert.Empty(t, all)
	assert.Equal(t, []string{broken + " is not an x86 kernel image (bzImage)"}, problems)

	for _, name := range []string{"6.1.0", "6.12.0", "6.13.0.old", "0-rescue-9abc"} {
		mustWrite(t, filepath.Join(dir, "vmlinuz-"+name), image(name))
	}
	all, _ = installed(AMD64, pattern)
	require.Len(t, all, 2)
	assert.Equal(t, Kernel{Release: "6.12.0", Image: filepath.Join(dir, "vmlinuz-6.12.0"), From: "installed here", Size: 0x400}, all[0])

	all, problems = installed(ARM64, pattern)
	assert.Empty(t, all)
	assert.Len(t, problems, 3, "they are another processor's")
}

func TestKernelsInBootAndAmongTheModulesAreComparedByVersion(t *testing.T) {
	dir := t.TempDir()
	mustWrite(t, filepath.Join(dir, "boot/vmlinuz-6.18.15+deb13-amd64"), image("6.18.15+deb13-amd64"))
	for _, release := range []string{"7.3.4+deb13-amd64", "6.19.6+deb13-amd64"} {
		mustWrite(t, filepath.Join(dir, "modules", release, "vmlinuz"), image(release))
	}
	all, _ := installed(AMD64, filepath.Join(dir, "boot/vmlinuz-*"), filepath.Join(dir, "modules/*/vmlinuz"))
	require.Len(t, all, 3)
	assert.Equal(t, "7.3.4+deb13-amd64", all[0].Release)
	assert.Equal(t, "6.18.15+deb13-amd64", all[2].Release)
}
