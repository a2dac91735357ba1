package sys

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestASignalWaitsUntilTheCallIsOver(t *testing.T) {
	failed := errors.New("failed")
	require.Equal(t, failed, WithoutSignals(func() error {
		require.NoError(t, unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGURG))
		status, err := ReadFile("/proc/thread-self/status")
		require.NoError(t, err)
		require.Contains(t, status, "\nSigPnd:\t0000000000400000\n")
		return failed
	}))
}
