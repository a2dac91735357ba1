package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// aKernel is what looks like a kernel image of that release.
func aKernel(t *testing.T, release string) (file string) {
	t.Helper()
	image := make([]byte, 0x400)
	copy(image[0x202:], "HdrS")
	image[0x20e] = 0x80
	copy(image[0x280:], release+" #1")
	file = filepath.Join(t.TempDir(), "vmlinuz")
	require.NoError(t, os.WriteFile(file, image, 0o600))
	return file
}

func TestKernelsAreAddedListedAndRemoved(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("OOMCAGE_KERNEL", "")
	mustRun := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		require.Zero(t, execute(append([]string{"kernels"}, args...), &stdout, &stderr), "%q: %s", args, &stderr)
		return stdout.String()
	}
	file := aKernel(t, "99.1-mine")
	require.Contains(t, mustRun("add", file), "99.1-mine  99.1-mine  1.")
	listed := mustRun()
	require.Contains(t, listed, file)
	require.Contains(t, listed, "\noomcage vm boots "+os.Getenv("XDG_CACHE_HOME")+"/oomcage/kernels/99.1-mine/vmlinuz\n")
	mustRun("remove", "99.1-mine", "99.1-mine")
	mustRun("add", file)
	mustRun("remove", "all")
	require.NoFileExists(t, os.Getenv("XDG_CACHE_HOME")+"/oomcage/kernels/99.1-mine/vmlinuz")
}

func TestOfKernelsWhatMakesNoSenseIsSaid(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{exitUsage, `unknown command "frob"`, []string{"frob"}},
		{exitUsage, `"six" is no kernel that can be fetched`, []string{"fetch", "six"}},
		{exitUsage, "accepts at most 1 arg", []string{"fetch", "6.1", "6.12"}},
		{exitUsage, `there is no kernel "6.1" in `, []string{"remove", "6.1"}},
		{exitUsage, "requires at least 1 arg", []string{"remove"}},
		{exitUsage, "requires at least 1 arg", []string{"add"}},
		{exitMachine, "/none: no such file", []string{"add", "/none"}},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, c.code, execute(append([]string{"kernels"}, c.args...), &stdout, &stderr), "%q: %s", c.args, &stderr)
		require.Contains(t, stderr.String(), c.says)
	}
}

func TestTheVersionSaysWhereTheKernelsCannotBeLookedAt(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	require.Equal(t, "\nno kernels; to help: oomcage kernels fetch", kernelsLine())
	dir := filepath.Join(os.Getenv("XDG_CACHE_HOME"), "oomcage")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kernels"), nil, 0o600)) // which root cannot look into either
	require.Regexp(t, `^\nkernels not known: open \S+/oomcage/kernels(/arm64)?: not a directory$`, kernelsLine())
}
