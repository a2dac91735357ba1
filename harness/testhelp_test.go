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

// requireGone asserts that a process runs no more. It may be a zombie: its new parent reaps it
// when it gets to it.
func requireGone(t *testing.T, pid int) {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err == nil {
		_, state, _ := strings.Cut(string(stat), ") ")
		require.Contains(t, "ZX", state[:1], "process %d is left: %s", pid, stat) // X is being waited for
	}
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
