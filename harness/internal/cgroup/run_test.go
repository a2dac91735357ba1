package cgroup

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestALockThatAnotherHarnessHoldsIsWaitedForUntilTheContextEnds(t *testing.T) {
	b := base{dir: t.TempDir()}
	unlock, err := lockBase(t.Context(), b)
	require.NoError(t, err)

	up := errors.New("the time is up")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Millisecond, up)
	defer cancel()
	_, err = lockBase(ctx, b)
	require.ErrorIs(t, err, up)
	require.NotErrorIs(t, err, ErrNotSupported)
	require.ErrorContains(t, err, "lock "+b.dir+": the time is up: another harness holds the lock")

	time.AfterFunc(10*time.Millisecond, unlock)
	unlock, err = lockBase(t.Context(), b)
	require.NoError(t, err)
	unlock()
}
