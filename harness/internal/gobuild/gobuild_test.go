package gobuild

import (
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A commit that changes no code changes no executable, so that a sweep can be resumed after it.
func TestACommitChangesNoExecutable(t *testing.T) {
	if os.Getenv("OOMCAGE_VM") != "" || os.Getenv(Variable) != "" {
		return // there is no compiler
	}
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("GOFLAGS", "")
	require.NoError(t, os.WriteFile("go.mod", []byte("module example.com/m\n\ngo 1.21\n"), 0o644))
	require.NoError(t, os.WriteFile("main.go", []byte("package main\n\nfunc main() {}\n"), 0o644))
	commit := func() {
		t.Helper()
		for _, args := range [][]string{
			{"init", "-q"},
			{"add", "-A", "go.mod", "main.go"},
			{"-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "a commit"},
		} {
			out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput()
			require.NoError(t, err, "%s", out)
		}
	}
	build := func(name string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), name)
		out, err := Command(t.Context(), t.TempDir(), path, ".").CombinedOutput()
		require.NoError(t, err, "%s", out)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(text)
	}
	commit()
	before := build("before")
	commit()
	require.Equal(t, sha256.Sum256([]byte(before)), sha256.Sum256([]byte(build("after"))), "of the executable")
	t.Setenv("GOFLAGS", "-buildvcs=true")
	require.Contains(t, build("asked"), "vcs.revision")
}

// One that is cancelled leaves its temporary folder, also where it is interrupted.
func TestWhatACompilationLeavesIsWhereItsCallerRemovesIt(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("GOTMPDIR", "")
	require.Equal(t, "GOTMPDIR="+tmp, lastEnv(Command(t.Context(), tmp, "out", "."), "GOTMPDIR="))
	t.Setenv("GOTMPDIR", "/mine")
	require.Equal(t, "GOTMPDIR=/mine", lastEnv(Command(t.Context(), tmp, "out", "."), "GOTMPDIR="))
}

// lastEnv is the last variable of a command that begins so, which holds.
func lastEnv(cmd *exec.Cmd, begins string) (last string) {
	for _, kv := range cmd.Env {
		if strings.HasPrefix(kv, begins) {
			last = kv
		}
	}
	return last
}
