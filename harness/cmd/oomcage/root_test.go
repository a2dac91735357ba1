package main

import (
	"context"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A second one that was fatal would end this test's process.
func TestASignalThatComesTwiceAtOnceAsksOnce(t *testing.T) {
	ctx, stop := signalContext()
	defer stop()
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGINT))
	<-ctx.Done()
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGINT))
	require.Equal(t, signalError{syscall.SIGINT}, context.Cause(ctx))
}
