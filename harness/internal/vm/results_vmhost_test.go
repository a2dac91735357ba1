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
