package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness"
)

func TestWhereThereAreNoCagesTheCommandIsShownInTheMicroVM(t *testing.T) {
	root := newRootCommand(io.Discard, io.Discard)
	for name, want := range map[string]string{"run": "  to help: oomcage vm -- oomcage run …\n", "demo": ""} {
		cmd, _, err := root.Find([]string{name})
		require.NoError(t, err)
		var stderr bytes.Buffer
		err = fmt.Errorf("%w: no cgroup v2", harness.ErrNotSupported)
		require.Equal(t, exitMachine, exitStatus(cmd, err, &stderr))
		require.Equal(t, fmt.Sprintf("oomcage %s: %v\n%s", name, err, want), stderr.String())
	}
}

// A second one that was fatal would end this test's process. The context's own end is left to the first: it would
// make one fatal that is still on its way.
func TestASignalThatComesTwiceAtOnceAsksOnce(t *testing.T) {
	ctx, _ := signalContext()
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGINT))
	<-ctx.Done()
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGINT))
	require.Equal(t, signalError{syscall.SIGINT}, context.Cause(ctx))
}
