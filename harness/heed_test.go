package harness

import (
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestACallThatEndsWithItsContextIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errTimeout)
		defer cancel()
		err := heed(ctx, func() error {
			<-ctx.Done()
			time.Sleep(heedGrace / 2)
			return io.EOF
		})
		require.Equal(t, io.EOF, err)
	})
}

func TestACallThatDoesNotHeedItsContextIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errTimeout)
		defer cancel()
		start, end := time.Now(), make(chan struct{})
		err := heed(ctx, func() error { <-end; return nil })
		require.Equal(t, time.Second+heedGrace, time.Since(start))
		require.ErrorIs(t, err, errTimeout)
		require.ErrorContains(t, err, "does not heed its context")
		close(end)
	})
}

func TestAPanicOfACallIsTheCallers(t *testing.T) {
	defer func() {
		err, _ := recover().(error)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.ErrorContains(t, err, "heed_test.go", "where it was")
	}()
	_ = heed(t.Context(), func() error { panic(io.ErrUnexpectedEOF) })
}

func TestACallThatEndsItsGoroutineEndsTheCallers(t *testing.T) {
	returned, done := false, make(chan struct{})
	go func() {
		defer close(done)
		_ = heed(t.Context(), func() error { runtime.Goexit(); return nil })
		returned = true
	}()
	<-done
	require.False(t, returned)
}

// What comes after the time is up is short, whatever the step had met.
func TestATargetThatMayBeDyingIsNotWaitedForLongWhenTheTimeIsUp(t *testing.T) {
	for _, failed := range []error{context.DeadlineExceeded, io.ErrUnexpectedEOF, errors.New("mine")} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errTimeout)
			defer cancel()
			<-ctx.Done()
			start := time.Now()
			awaitDeath(ctx, &Process{done: make(chan struct{})}, failed)
			require.LessOrEqual(t, time.Since(start), lateDeathGrace, failed)
		})
	}
}
