package main

import (
	"context"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A second one that was fatal would end this test's process. The context's own end is left to the first: it would
// make one fatal that is still on its way.
func TestASignalThatComesTwiceAtOnceAsksOnce(t *testing.T) {
	ctx, _ := signalContext()
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGINT))
	<-ctx.Done()
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGINT))
	require.Equal(t, signalError{syscall.SIGINT}, context.Cause(ctx))
}
