package cgroup

import (
	"context"
	"io/fs"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestWhatTheKernelHoldsBackForAMomentIsTriedAgain(t *testing.T) {
	unused, used := func() bool { return false }, func() bool { return true }
	tries := 0
	inTheEnd := func() error {
		if tries++; tries < 5 {
			return unix.EBUSY
		}
		return fs.ErrNotExist
	}
	require.ErrorIs(t, whileBusy(t.Context(), inTheEnd, unused), fs.ErrNotExist)
	require.Equal(t, 5, tries)
	require.Equal(t, unix.EBUSY, whileBusy(t.Context(), func() error { return unix.EBUSY }, used), "what runs in it keeps it busy")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := leaving()
		defer cancel()
		err := whileBusy(ctx, func() error { return unix.EBUSY }, unused)
		require.ErrorIs(t, err, unix.EBUSY)
		require.ErrorIs(t, err, errBusy)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
	})
}
