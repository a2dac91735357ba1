//go:build linux

// Package filemodes holds root to the modes of files, as they hold other users. Only tests import it.
package filemodes

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// Hold calls f, which stays in its goroutine, without the capabilities by which root reads and writes what no mode lets it. f acts
// as the same user all the same, so it may go wherever the test may, as in a TMPDIR that is closed to others.
// Source: capabilities(7), CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH.
func Hold(tb testing.TB, f func()) {
	tb.Helper()
	runtime.LockOSThread() // capabilities are a thread's
	defer runtime.UnlockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var before [2]unix.CapUserData
	if err := unix.Capget(&header, &before[0]); err != nil {
		tb.Fatal("capget: ", err)
	}
	held := before
	held[0].Effective &^= 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH
	if err := unix.Capset(&header, &held[0]); err != nil {
		tb.Fatal("capset: ", err)
	}
	defer func() {
		if err := unix.Capset(&header, &before[0]); err != nil {
			tb.Error("capset: ", err)
		}
	}()
	f()
}
