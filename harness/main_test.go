package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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
		giveUp(tb, fmt.Errorf("%w: this takes root", ErrNotSupported))
	}
}

// requireKernelLog gives up a test of what the log says where it is closed to ordinary users (kernel.dmesg_restrict).
func requireKernelLog(tb testing.TB) {
	tb.Helper()
	log, err := kmsg.Open()
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w: %w", ErrNotSupported, err)
	}
	if err != nil {
		giveUp(tb, err)
	}
	require.NoError(tb, log.Close())
}

// requireOneKill returns the only kill that the log tells of. Where that is closed, the rest of the test is given up.
func requireOneKill(tb testing.TB, o *Outcome) outcome.OOMKill {
	tb.Helper()
	requireKernelLog(tb)
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
