package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/kmsg"
	"oomcage/harness/outcome"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		play(role)
	}
	VerifyTestMain(m)
}

// roleVariable makes the test binary play a target instead of running tests, so that these
// tests need no compiler.
const roleVariable = "OOMCAGE_TEST_ROLE"

// requireRoot gives up a test that is another user, mounts, writes to the kernel log, chooses a PID or lowers an oom_score_adj.
func requireRoot(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		giveUpToRoot(tb, errors.New("it mounts, or acts as somebody else, or the like"))
	}
}

// giveUpToRoot gives up a test for want of what the kernel lets root alone do. Other users are let off, with OOMCAGE_STRICT=1
// as well: that is about cages, which they can have. Root is not, so that nothing is left out where both are there.
func giveUpToRoot(tb testing.TB, err error) {
	tb.Helper()
	if uid := os.Geteuid(); uid != 0 {
		tb.Skipf("this takes root, and user %d runs it: %v", uid, err)
	}
	giveUp(tb, fmt.Errorf("%w: %w", ErrNotSupported, err))
}

func TestAUserIsLetOffWhatTakesRoot(t *testing.T) {
	const takesRoot = "TestARecycledPIDDoesNotInheritAKill"
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.v", "-test.run=^"+takesRoot+"$")
	cmd.Env = append(os.Environ(), "OOMCAGE_STRICT=1")
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = new(asUser(t, nobody))
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- SKIP: "+takesRoot)
	require.Contains(t, string(out), "this takes root, and user ")
}

// requireKernelLog gives up a test of what the log says where it is closed to ordinary users (kernel.dmesg_restrict).
func requireKernelLog(tb testing.TB) {
	tb.Helper()
	log, err := kmsg.Open()
	if errors.Is(err, fs.ErrPermission) {
		giveUpToRoot(tb, err)
	}
	require.NoError(tb, err)
	require.NoError(tb, log.Close())
}

// requireOneKill returns the only kill that the log tells of. Where that is closed, the rest of the test is given up.
func requireOneKill(tb testing.TB, o *Outcome) outcome.OOMKill {
	tb.Helper()
	if _, unread := o.Evidence.Unread[outcome.KernelLog]; unread {
		requireKernelLog(tb)
	}
	require.Len(tb, o.Evidence.Kills, 1, "%s", o)
	return o.Evidence.Kills[0]
}

func mustWrite(tb testing.TB, path, text string) {
	tb.Helper()
	require.NoError(tb, os.WriteFile(path, []byte(text), 0o600))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
