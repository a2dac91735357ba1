package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
)

// as makes a target of this test binary.
func as(tb testing.TB, role string, args ...string) Target {
	tb.Helper()
	self, err := os.Executable()
	require.NoError(tb, err)
	// The race detector's runtime needs more than the small limits of these tests.
	return Target{Path: self, Args: args, Env: []string{roleVariable + "=" + role, "GOCOVERDIR=" + tb.TempDir()}}
}

// says is a probe that waits for a text in the target's output.
func says(text string) Probe {
	return func(ctx context.Context, p *Process) error {
		for !strings.Contains(p.Output(), text) {
			select {
			case <-ctx.Done():
				return fmt.Errorf("wait for %q: %w", text, context.Cause(ctx))
			case <-time.After(time.Millisecond): // output is copied, not signalled
			}
		}
		return nil
	}
}

// marking is a capture that makes a file when a sample has shown so much memory: a target that waits for it was seen with that,
// however long the recorder got no CPU.
func marking(t *testing.T, size Bytes, file string) Capture {
	t.Helper()
	t.Setenv(roleVariable, "mark") // of what is started by the harness, unless it is told otherwise
	return Capture{Exec: []string{"/proc/self/exe", file}, Size: size}
}

// requireNothingLeft asserts that no cage of this process is left in the cgroup file system.
func requireNothingLeft(t *testing.T) {
	t.Helper()
	var left []string
	name := fmt.Sprintf("run-%d-", os.Getpid())
	require.NoError(t, filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // of another test process, and gone meanwhile
		}
		if err == nil && strings.HasPrefix(d.Name(), name) {
			left = append(left, path)
		}
		return err
	}))
	require.Empty(t, left)
}

// overshoot is how far from memory.max a kill may leave memory.peak: at most a batch of pages
// charged ahead below, and above it what is allocated atomically, such as the queue entry of a
// signal (try_charge_memcg in mm/memcontrol.c). Seen: one page above, none below (6.1 and 6.12,
// 2026-11).
var overshoot = float64(64 * os.Getpagesize())

// requireGone asserts that a process runs no more, or is about to end: one that dies leaves its cgroup, which may be removed then,
// before it is a zombie (do_exit in kernel/exit.c). A zombie it may stay: its new parent reaps it when it gets to it.
func requireGone(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) { // the latter before Linux 6.15: it is being reaped
		return
	}
	require.NoError(t, err)
	defer unix.Close(fd)
	const timeout = 30_000                                       // in ms: one that was not killed stays for ever
	ended := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} //nolint:gosec // a descriptor is small
	n, err := unix.Poll(ended, timeout)
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Poll(ended, timeout)
	}
	require.NoError(t, err)
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // it has ended, or the message needs it
	require.Equal(t, 1, n, "process %d is left: %s", pid, stat)
}

// scoreVariable holds the oom_score_adj without which a role is not to begin.
const scoreVariable = "OOMCAGE_TEST_SCORE"

// shield gives the target an oom_score_adj at which nothing kills it. The harness sets that when the program has been
// executed, and a role may be faster. Only root may lower a score.
func shield(tb testing.TB, t *Target) {
	tb.Helper()
	requireRoot(tb)
	t.OOMScoreAdj = ptr(outcome.OOMScoreAdjMin)
	t.Env = append(t.Env, fmt.Sprintf("%s=%d", scoreVariable, outcome.OOMScoreAdjMin))
}
