//go:build vmhost

package vm

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func init() {
	roles["ordinary"] = func() int {
		appendTo([]string{"history.log"})
		must(os.WriteFile("coverage", []byte("a file\n"), 0o644))
		must(os.MkdirAll(".git/hooks", 0o755))
		must(os.WriteFile(".git/hooks/post-checkout", []byte("#!/bin/sh\n"), 0o755))
		must(os.WriteFile("zz-results.jsonl", []byte("hours of work\n"), 0o644))
		code, err := strconv.Atoi(os.Args[1])
		must(err)
		return code
	}
	roles["large"] = func() int {
		must(os.WriteFile("small", []byte("small\n"), 0o644))
		data := make([]byte, 100<<20)
		_, err := rand.Read(data)
		must(err)
		must(os.WriteFile("large", data, 0o644))
		return 0
	}
	roles["sparse"] = func() int {
		f, err := os.Create("sparse")
		must(err)
		must(f.Truncate(4_000_000_000))
		must(f.Close())
		return 0
	}
}

func TestAFileThatTheGuestNeverHadIsNotTouched(t *testing.T) {
	for code, want := range map[int]int{0: exitNotAll, 7: 7} {
		t.Chdir(t.TempDir())
		require.NoError(t, os.WriteFile("history.log", []byte("from the host\n"), 0o644))
		require.NoError(t, os.Mkdir("coverage", 0o755))
		g := boot(t, "ordinary", func(o *Options) { o.Args = []string{strconv.Itoa(code)} })
		require.NoError(t, g.err)
		require.Equal(t, want, g.code, g.stderr.String())
		for name, want := range map[string]string{
			"history.log": "from the host\n", "history.log.guest": "from the guest\n", "coverage.guest": "a file\n", "zz-results.jsonl": "hours of work\n",
		} {
			assert.Equal(t, want, content(t, name), name)
		}
		assert.NoDirExists(t, ".git")
		for _, name := range []string{"history.log", "coverage", "post-checkout"} {
			assert.Contains(t, g.stderr.String(), name)
		}
	}
}

func TestAFileThatIsAddedIsChangedWhereItIs(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("history.log", []byte("from the host\n"), 0o644))
	g := boot(t, "ordinary", func(o *Options) { o.Args, o.Add = []string{"7"}, []string{"history.log"} })
	require.NoError(t, g.err)
	require.Equal(t, "from the host\nfrom the guest\n", content(t, "history.log"))
	require.NoFileExists(t, "history.log.guest")
}

func TestAHoleCostsNoTime(t *testing.T) {
	t.Chdir(t.TempDir())
	g := boot(t, "sparse", nil)
	require.NoError(t, g.err)
	require.Zero(t, g.code, g.stderr.String())
	info, err := os.Stat("sparse")
	require.NoError(t, err)
	require.Equal(t, int64(4_000_000_000), info.Size())
	require.Less(t, storedBytes(info), int64(1<<20))
}

// 100 MB of random bytes take minutes.
func TestWhatIsStillOnItsWayEndsSoonAfterAnInterrupt(t *testing.T) {
	requireHost(t)
	dir := t.TempDir()
	t.Chdir(dir)
	ctx, cancel := context.WithCancel(t.Context())
	t.Setenv("VM_TEST_ROLE", "large")
	exe, err := os.Executable()
	require.NoError(t, err)
	var interrupted time.Time
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat("small"); err == nil { // the small ones come first
				interrupted = time.Now()
				cancel()
			}
			time.Sleep(tick)
		}
	}()
	var stderr bytes.Buffer
	_, err = Run(ctx, Options{Program: exe, Accel: "tcg", Stdout: io.Discard, Stderr: &stderr})
	require.ErrorIs(t, err, context.Canceled, "%s", &stderr)
	took := time.Since(interrupted)
	require.Less(t, took, leaveTime+waitMax)
	require.Equal(t, []string{"small"}, names(t, dir))
	require.Contains(t, stderr.String(), filepath.Join(dir, "large")+": the guest ended before all of it had come")
}

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
