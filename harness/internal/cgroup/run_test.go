package cgroup

import (
	"context"
	"errors"
	"os"
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

func TestARunThatCouldNotBeClosedIsALeftOverForTheNext(t *testing.T) {
	r := mustRun(t)
	unlock, err := lockBase(t.Context(), r.base)
	require.NoError(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, r.Close(ended), "another harness holds the lock")
	unlock()

	next, left, err := NewRun(t.Context())
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Contains(t, left[0], "removed "+r.Path())
	require.NoError(t, next.Close(t.Context()))
	require.NoDirExists(t, r.Path())
}

func mustRun(t *testing.T) *Run {
	t.Helper()
	r, left, err := NewRun(t.Context())
	if errors.Is(err, ErrNotSupported) && os.Getenv("OOMCAGE_STRICT") != "1" {
		t.Skip(err)
	}
	require.NoError(t, err)
	require.Empty(t, left)
	return r
}
