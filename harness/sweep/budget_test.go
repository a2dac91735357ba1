package sweep

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

func TestRunsAtOnceNeverTakeMoreThanTheBudget(t *testing.T) {
	const total = 512 * outcome.MiB
	b := NewBudget(total)
	var used, most atomic.Int64
	var wg sync.WaitGroup
	for i := range 200 {
		l := outcome.Limits{Max: outcome.Bytes(1+rand.Int64N(400)) * outcome.MiB}
		if i%20 == 0 {
			l.Max = 0 // takes all
		}
		wg.Go(func() {
			release, err := b.Acquire(t.Context(), l)
			if err != nil {
				t.Error(err)
				return
			}
			now := used.Add(int64(b.claim(l)))
			for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
			}
			used.Add(-int64(b.claim(l)))
			release()
			release() // twice is once
		})
	}
	wg.Wait()
	require.LessOrEqual(t, most.Load(), int64(total))
	require.Equal(t, int64(total), most.Load(), "a run without a limit takes all")
	require.Zero(t, b.used)
}

func TestALargeRunIsNotPassedForEverBySmallOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(100 * outcome.MiB)
		small := outcome.Limits{Max: 40 * outcome.MiB}
		first, err := b.Acquire(t.Context(), small)
		require.NoError(t, err)
		var large, second atomic.Bool
		go func() {
			release, err := b.Acquire(t.Context(), outcome.Limits{Max: 80 * outcome.MiB})
			if err == nil {
				large.Store(true)
				release()
			}
		}()
		synctest.Wait()
		go func() {
			release, err := b.Acquire(t.Context(), small)
			if err == nil {
				second.Store(true)
				release()
			}
		}()
		synctest.Wait()
		require.False(t, large.Load())
		require.False(t, second.Load(), "there is room, and the large one came before")
		first()
		synctest.Wait()
		require.True(t, large.Load())
		require.True(t, second.Load())
		require.Zero(t, b.used)
	})
}

func TestARunThatGivesUpWaitingLeavesItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(100 * outcome.MiB)
		release, err := b.Acquire(t.Context(), outcome.Limits{Max: 50 * outcome.MiB})
		require.NoError(t, err)
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("gone")
		var got error
		var passed atomic.Bool
		go func() { _, got = b.Acquire(ctx, outcome.Limits{}) }()
		synctest.Wait()
		go func() {
			if free, err := b.Acquire(t.Context(), outcome.Limits{Max: 10 * outcome.MiB}); err == nil {
				passed.Store(true)
				free()
			}
		}()
		synctest.Wait()
		require.False(t, passed.Load())
		cancel(gone)
		synctest.Wait()
		require.ErrorIs(t, got, gone)
		require.True(t, passed.Load(), "the one behind it fits")
		release()
		require.Zero(t, b.used)
	})
}

func TestARunThatNeverFitsIsRefusedWithTheFigures(t *testing.T) {
	b := NewBudget(100 * outcome.MiB)
	for _, l := range []outcome.Limits{{Max: 100 * outcome.MiB}, {Max: 10 * outcome.MiB, Swap: 90 * outcome.MiB}, {Max: outcome.Unlimited - 1, Swap: outcome.Unlimited - 1}} {
		_, err := b.Acquire(t.Context(), l)
		require.ErrorContains(t, err, "all cages together get 100.0 MiB: lower its limits, or give the machine more memory")
	}
	require.NoError(t, b.fits(outcome.Limits{Swap: outcome.Unlimited}))
}
