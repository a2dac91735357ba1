package cgroup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/sys"
)

func TestALockThatAnotherHarnessHoldsIsWaitedForUntilTheContextEnds(t *testing.T) {
	b := base{dir: t.TempDir()}
	mustLockFile(t, b)
	_, unlock, err := lockGuard(t.Context(), b)
	require.NoError(t, err)

	up := errors.New("the time is up")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Millisecond, up)
	defer cancel()
	_, _, err = lockGuard(ctx, b)
	require.ErrorIs(t, err, up)
	require.NotErrorIs(t, err, ErrNotSupported)
	require.ErrorContains(t, err, "lock "+b.dir+"/oomcage: the time is up: another harness holds the lock")

	time.AfterFunc(10*time.Millisecond, unlock)
	_, unlock, err = lockGuard(t.Context(), b)
	require.NoError(t, err)
	unlock()
}

// Whoever holds the lock may remove what carries it, and then another may make that anew.
func TestALockOfAGuardThatWasRemovedIsNone(t *testing.T) {
	b := base{dir: t.TempDir()}
	path := mustLockFile(t, b)
	lock, err := tryLock(&Group{path: filepath.Dir(path)})
	require.NoError(t, err)
	defer lock.Close()
	require.True(t, sys.IsAt(lock))
	require.NoError(t, os.Remove(path))
	require.False(t, sys.IsAt(lock))
	mustLockFile(t, b)
	require.False(t, sys.IsAt(lock))
	_, unlock, err := lockGuard(t.Context(), b)
	require.NoError(t, err)
	unlock()
}

// mustLockFile makes the file that the kernel makes in a cgroup, of its mode.
func mustLockFile(t *testing.T, b base) string {
	t.Helper()
	path := filepath.Join(b.dir, guardName, lockFile)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, nil, 0o200))
	return path
}

func TestANumberIsHeldByOneOnly(t *testing.T) {
	b := base{dir: t.TempDir()}
	guard := &Group{path: filepath.Dir(mustLockFile(t, b))}
	first, err := openNumbers(guard)
	require.NoError(t, err)
	defer first.file.Close()
	second, err := openNumbers(guard) // a lock of one file description, as that of another process is
	require.NoError(t, err)
	requireLocked := func(want bool, n *Numbers, number int) {
		t.Helper()
		got, err := n.Lock(number)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	requireLocked(true, first, 7)
	requireLocked(false, first, 7)
	requireLocked(false, second, 7)
	requireLocked(true, second, 8)
	require.NoError(t, first.Unlock(7))
	requireLocked(true, second, 7)
	require.NoError(t, second.file.Close())
	requireLocked(true, first, 8)
}

func TestARunThatCouldNotBeClosedIsALeftOverForTheNext(t *testing.T) {
	r := mustRun(t)
	_, unlock, err := lockGuard(t.Context(), r.base)
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

// What the kernel makes must be closed to others, who could hold its lock for ever.
func TestNobodyElseCanOpenTheFileOfALock(t *testing.T) {
	r := mustRun(t)
	defer func() { require.NoError(t, r.Close(context.Background())) }()
	for _, dir := range []string{r.Path(), filepath.Dir(r.Path())} {
		info, err := os.Stat(filepath.Join(dir, lockFile))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o200), info.Mode().Perm(), dir)
	}
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
