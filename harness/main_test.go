package harness

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
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

// requireRoot gives up a test that is another user, mounts, or writes to the kernel log.
func requireRoot(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		giveUp(tb, fmt.Errorf("%w: this takes root", ErrNotSupported))
	}
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
