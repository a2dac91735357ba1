//go:build vmhost

package vm

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFilesThatArgumentsNameGoAlongAndComeBack(t *testing.T) {
	t.Chdir(t.TempDir())
	elsewhere := filepath.Join(t.TempDir(), "results")
	for _, name := range []string{"named", "of-a-flag", elsewhere} {
		require.NoError(t, os.WriteFile(name, []byte("from the host\n"), 0o644))
	}
	g := boot(t, "append", func(o *Options) {
		o.Args = []string{"named", "-out=of-a-flag", "new", elsewhere}
		o.Results = []string{elsewhere}
	})
	require.NoError(t, g.err)
	require.Zero(t, g.code, g.stderr.String())
	for name, want := range map[string]string{
		"named": "from the host\nfrom the guest\n", "of-a-flag": "from the host\nfrom the guest\n",
		"new": "from the guest\n", elsewhere: "from the host\nfrom the guest\n",
	} {
		got, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.Equal(t, want, string(got), name)
	}
}

func TestResultsMayLieBehindLinksAndInNewFolders(t *testing.T) {
	t.Chdir(t.TempDir())
	elsewhere := t.TempDir()
	require.NoError(t, os.Symlink(elsewhere, "link"))
	require.NoError(t, os.WriteFile("link/there", []byte("from the host\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "target"), []byte("from the host\n"), 0o644))
	require.NoError(t, os.Symlink(filepath.Join(elsewhere, "target"), "linked"))
	paths := []string{"link/there", "link/not-there", "linked", filepath.Join(elsewhere, "made", "new")}
	g := boot(t, "append", func(o *Options) { o.Args, o.Results = paths, paths })
	require.NoError(t, g.err)
	require.Zero(t, g.code, g.stderr.String())
	for name, want := range map[string]string{
		"there": "from the host\nfrom the guest\n", "not-there": "from the guest\n",
		"target": "from the host\nfrom the guest\n", "made/new": "from the guest\n",
	} {
		got, err := os.ReadFile(filepath.Join(elsewhere, name))
		require.NoError(t, err, g.stderr.String())
		assert.Equal(t, want, string(got), name)
	}
	info, err := os.Lstat("linked")
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&os.ModeSymlink, "it stays a link")
}

func TestAProgramThatIsInterruptedKeepsItsResults(t *testing.T) {
	requireHost(t)
	t.Chdir(t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	t.Setenv("VM_TEST_ROLE", "append-until-told")
	exe, err := os.Executable()
	require.NoError(t, err)
	var stderr bytes.Buffer
	_, err = Run(ctx, Options{
		Program: exe, Args: []string{"results"}, Accel: "tcg",
		Stdout: &waitFor{text: "waiting", found: cancel}, Stderr: &stderr,
	})
	require.ErrorIs(t, err, context.Canceled)
	got, err := os.ReadFile("results")
	require.NoError(t, err, stderr.String())
	assert.Equal(t, "from the guest\n", string(got))
	assert.Empty(t, children(t, os.Getpid()))
}
