//go:build vmhost

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/sweep"
)

// A sweep whose guest is killed five times in a row, without warning, goes on each time, and has each point once.
func TestASweepWhoseGuestIsKilledAgainAndAgainLosesOnlyWhatWasRunning(t *testing.T) {
	dir := t.TempDir()
	build := func(pkg string) string {
		path := filepath.Join(dir, filepath.Base(pkg))
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return path
	}
	command, app := build("../oomcage"), build("../../../app")
	results := filepath.Join(t.TempDir(), "results.jsonl")
	var out bytes.Buffer
	goOn := func() *exec.Cmd {
		out.Reset()
		cmd := exec.CommandContext(t.Context(), command, "vm", "-artifacts", t.TempDir(), "-add", app, "--", command, "sweep", "-resume", "-o", results,
			"--parallel", "1", "--max", "24MiB..96MiB+4MiB", "--step", "8MiB", "--post", "/generate-load/memory?bytes=$step", "--", app, "-addr", "$ADDR")
		cmd.Dir = t.TempDir()
		cmd.Stdout, cmd.Stderr = &out, &out
		return cmd
	}
	lines := func() int {
		data, err := os.ReadFile(results)
		if !os.IsNotExist(err) {
			require.NoError(t, err)
		}
		return bytes.Count(data, []byte("\n"))
	}
	const points = 19 // far more than five guests finish before they are killed, also where this process stands still meanwhile
	for range 5 {
		before := lines()
		cmd := goOn()
		require.NoError(t, cmd.Start())
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for lines() == before { // it grows while the sweep runs
			select {
			case err := <-ended:
				t.Fatalf("the sweep has ended: %v\n%s", err, &out)
			case <-time.After(time.Millisecond):
			}
		}
		require.NoError(t, unix.Kill(onlyChild(t, cmd.Process.Pid), unix.SIGKILL))
		require.Error(t, <-ended, "%s", &out)
		require.Equal(t, exitMachine, cmd.ProcessState.ExitCode(), "%s", &out)
		require.Greater(t, lines(), before, "what was there stays")
	}
	kept, err := os.ReadFile(results)
	require.NoError(t, err)
	kept = kept[:bytes.LastIndexByte(kept, '\n')+1]
	cmd := goOn()
	require.NoError(t, cmd.Run(), "%s", &out)
	outcomes, err := sweep.Read(results)
	require.NoError(t, err)
	names := map[string]bool{}
	for _, o := range outcomes {
		names[o.Name] = true
	}
	require.Len(t, outcomes, points)
	require.Len(t, names, points)
	all, err := os.ReadFile(results)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(all, kept), "nothing of the earlier ones has changed")
}

// onlyChild is QEMU, the one process that oomcage vm starts.
func onlyChild(t *testing.T, pid int) int {
	t.Helper()
	tasks, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "children"))
	require.NoError(t, err)
	var all []string
	for _, task := range tasks {
		data, err := os.ReadFile(task)
		if err == nil { // else the thread has ended
			all = append(all, strings.Fields(string(data))...)
		}
	}
	require.Len(t, all, 1)
	child, err := strconv.Atoi(all[0])
	require.NoError(t, err)
	return child
}
