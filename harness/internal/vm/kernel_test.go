package vm

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/kernels"
)

// writeKernel writes what looks like a kernel image of the processor, of release 6.99.0-test.
func (a arch) writeKernel(t *testing.T, file string, pages byte) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	image := make([]byte, 0x400)
	if a.name == kernels.ARM64 {
		image[0x18] = pages << 1
		copy(image[0x38:], "ARM\x64")
		copy(image[0x280:], "Linux version 6.99.0-test (builder@host)")
	} else {
		copy(image[0x202:], "HdrS")
		image[0x20e] = 0x80
		copy(image[0x280:], "6.99.0-test (builder@host) #1 SMP")
	}
	require.NoError(t, os.WriteFile(file, image, 0o644))
}

func TestKernelAskedForIsTheOneBooted(t *testing.T) {
	dir := t.TempDir()
	asked, env := filepath.Join(dir, "asked"), filepath.Join(dir, "env")
	hostArch.writeKernel(t, asked, 1)
	hostArch.writeKernel(t, env, 1)
	t.Setenv("OOMCAGE_KERNEL", env)
	got, err := FindKernel(asked)
	require.NoError(t, err)
	assert.Equal(t, asked, got)
	got, err = FindKernel("")
	require.NoError(t, err)
	assert.Equal(t, env, got)
}

// mustKeep puts a kernel into a new store of the user's.
func mustKeep(t *testing.T) (image string) {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("OOMCAGE_KERNEL", "")
	store, err := kernels.User(kernels.Host)
	require.NoError(t, err)
	k, err := store.Add(t.Context(), []string{fakeKernel(t, "", nil)}, func(string) {})
	require.NoError(t, err)
	return k.Image
}

func TestAKernelThatWasFetchedOrGivenGoesBeforeThoseOfTheMachine(t *testing.T) {
	image := mustKeep(t)
	got, err := FindKernel("")
	require.NoError(t, err)
	assert.Equal(t, image, got)
}

func TestAKernelIsNamedAsItIsListed(t *testing.T) {
	image := mustKeep(t)
	got, err := FindKernel("6.99.0-test")
	require.NoError(t, err)
	assert.Equal(t, image, got)
}

func TestNameOfAKernelThatWasNotFetchedIsNamed(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for name, help := range map[string]string{"5.10": "oomcage kernels fetch 5.10", "6.8.0-45-generic": "oomcage kernels lists those that are there"} {
		_, err := FindKernel(name)
		var f *Failure
		require.ErrorAs(t, err, &f)
		assert.Equal(t, noKernel, f.kind)
		assert.Contains(t, f.Error(), "-kernel is "+name+", which is no file, and no kernel of oomcage's")
		assert.Contains(t, f.Error(), "to help: "+help)
	}
}

func TestKernelThatCannotBeBootedIsNamed(t *testing.T) {
	t.Setenv("OOMCAGE_KERNEL", filepath.Join(t.TempDir(), "absent"))
	_, err := FindKernel("")
	var f *Failure
	require.ErrorAs(t, err, &f)
	assert.Equal(t, noKernel, f.kind)
	assert.Contains(t, f.Error(), "OOMCAGE_KERNEL names a kernel that cannot be booted")
	assert.Contains(t, f.Error(), "absent: no such file")
	assert.Contains(t, f.Error(), "oomcage kernels fetch")
}

// It was said that there are none.
func TestKernelsThatCannotBeLookedAtAreNoneThatAreNotThere(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("OOMCAGE_KERNEL", "")
	store, err := kernels.User(kernels.AMD64)
	require.NoError(t, err)
	put(t, store.Dir(), "no folder") // which root cannot look into either
	foreign := kernels.ARM64
	if kernels.Host == kernels.ARM64 {
		foreign = kernels.AMD64
	}
	_, byDefault := DefaultKernel(foreign)
	_, byName := FindKernel("6.1")
	for says, err := range map[string]error{
		"no kernel to boot: those of this machine are for another processor; ": byDefault,
		"-kernel is 6.1, which is no file; ":                                   byName,
	} {
		require.ErrorContains(t, err, says+"the folder of oomcage's kernels cannot be read: open "+store.Dir())
		require.ErrorContains(t, err, "not a directory\n  to help: make it yours to read, or set $XDG_CACHE_HOME to another folder; or name the file of a kernel: -kernel FILE")
	}
}
