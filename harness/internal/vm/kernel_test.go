package vm

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKernelsAreOrderedByVersionNotByName(t *testing.T) {
	want := []string{
		"vmlinuz-5.15.0-91-generic", "vmlinuz-6.1.0-9-amd64", "vmlinuz-6.1.0-47-cloud-amd64",
		"vmlinuz-6.8.0-45-generic", "vmlinuz-6.8.0-100-generic", "vmlinuz-6.12.0-rc2", "vmlinuz-6.12.0",
		"vmlinuz-6.12.117+deb12-cloud-amd64", "vmlinuz-10.1",
	}
	got := slices.Clone(want)
	slices.Sort(got)
	require.NotEqual(t, want, got, "the order of names would do")
	slices.SortStableFunc(got, compareVersions)
	assert.Equal(t, want, got)
}

// writeKernel writes what looks like a kernel image.
func writeKernel(t *testing.T, file string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	image := make([]byte, 0x400)
	copy(image[0x202:], "HdrS")
	require.NoError(t, os.WriteFile(file, image, 0o644))
}

func TestNewestKernelThatCanBeBootedIsChosen(t *testing.T) {
	dir := t.TempDir()
	pattern := filepath.Join(dir, "vmlinuz-*")
	file, seen := newestKernel(pattern)
	assert.Empty(t, file)
	assert.Equal(t, "nothing matches "+pattern, seen)

	broken := filepath.Join(dir, "vmlinuz-7.0")
	require.NoError(t, os.WriteFile(broken, []byte("text"), 0o644))
	file, seen = newestKernel(pattern)
	assert.Empty(t, file)
	assert.Contains(t, seen, broken+" is not an x86 kernel image")

	for _, name := range []string{"vmlinuz-6.1.0", "vmlinuz-6.12.0", "vmlinuz-6.13.0.old", "vmlinuz-0-rescue-9abc"} {
		writeKernel(t, filepath.Join(dir, name))
	}
	file, _ = newestKernel(pattern)
	assert.Equal(t, filepath.Join(dir, "vmlinuz-6.12.0"), file)
}

func TestKernelsInBootAndAmongTheModulesAreComparedByVersion(t *testing.T) {
	dir := t.TempDir()
	boot, modules := filepath.Join(dir, "boot/vmlinuz-*"), filepath.Join(dir, "modules/*/vmlinuz")
	writeKernel(t, filepath.Join(dir, "boot/vmlinuz-6.18.15+deb13-amd64"))
	newest := filepath.Join(dir, "modules/7.3.4+deb13-amd64/vmlinuz")
	writeKernel(t, newest)
	writeKernel(t, filepath.Join(dir, "modules/6.19.6+deb13-amd64/vmlinuz"))
	file, _ := newestKernel(boot, modules)
	assert.Equal(t, newest, file)
	file, _ = newestKernel(boot)
	assert.Equal(t, filepath.Join(dir, "boot/vmlinuz-6.18.15+deb13-amd64"), file)
}

func TestFetchedKernelsAreFoundOutsideAGoModule(t *testing.T) {
	want, err := filepath.Abs("../../../.cache/kernels")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	assert.Contains(t, kernelFolders(t.Context()), want)
}

func TestKernelAskedForIsTheOneBooted(t *testing.T) {
	dir := t.TempDir()
	asked, env := filepath.Join(dir, "asked"), filepath.Join(dir, "env")
	writeKernel(t, asked)
	writeKernel(t, env)
	t.Setenv("OOMCAGE_KERNEL", env)
	got, err := findKernel(t.Context(), asked)
	require.NoError(t, err)
	assert.Equal(t, asked, got)
	got, err = findKernel(t.Context(), "")
	require.NoError(t, err)
	assert.Equal(t, env, got)
}

func TestShortNameOfAKernelThatWasNotFetchedIsNamed(t *testing.T) {
	_, err := findKernel(t.Context(), "5.10")
	var f *Failure
	require.ErrorAs(t, err, &f)
	assert.Equal(t, noKernel, f.kind)
	assert.Contains(t, f.Error(), "-kernel is 5.10, which is no file and not among the fetched kernels")
	assert.Contains(t, f.Error(), "`make kernels` in oomcage's folder")
}

func TestKernelThatCannotBeBootedIsNamed(t *testing.T) {
	t.Setenv("OOMCAGE_KERNEL", filepath.Join(t.TempDir(), "absent"))
	_, err := findKernel(t.Context(), "")
	var f *Failure
	require.ErrorAs(t, err, &f)
	assert.Equal(t, noKernel, f.kind)
	assert.Contains(t, f.Error(), "OOMCAGE_KERNEL names a kernel that cannot be booted")
	assert.Contains(t, f.Error(), "absent: no such file")
	assert.Contains(t, f.Error(), "make kernels")
}
