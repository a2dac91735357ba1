package kmsg

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestWhatIsNotTheKernelLogIsRefused(t *testing.T) {
	file, fifo := filepath.Join(t.TempDir(), "file"), filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, os.WriteFile(file, []byte(killed7), 0o600))
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	for _, path := range []string{"/dev/null", "/dev/zero", file, fifo, t.TempDir()} {
		_, err := open(path, io.SeekEnd)
		require.ErrorContains(t, err, path)
		require.ErrorContains(t, err, "not the kernel log")
	}
	_, err := open(file+".missing", io.SeekEnd)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// staged is a log that the test writes: a socket keeps records apart, as the device does.
func staged(t *testing.T) (log *Log, w *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	r := os.NewFile(uintptr(fds[0]), "log")
	w = os.NewFile(uintptr(fds[1]), "writer")
	log, err = From(r)
	require.NoError(t, err)
	t.Cleanup(func() { log.Close(); w.Close() })
	return log, w
}

func TestALogWithoutAnEndIsLeftWhenTheContextEnds(t *testing.T) {
	log, w := staged(t)
	_, err := w.WriteString(killed7)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var flood sync.WaitGroup
	flood.Go(func() {
		for n := 0; ; n++ {
			if _, err := w.WriteString("6,1,1,-;x\n"); err != nil {
				return // the reader is gone
			}
			if n == 10_000 { // far more than waits for a reader (net.core.wmem_max): the kill, which came first, was read
				cancel()
			}
		}
	})
	kills, err := log.Wait(ctx, func([]Kill) bool { return false })
	require.NoError(t, err)
	require.Len(t, kills, 1, "what was read counts")
	require.NoError(t, log.Close())
	flood.Wait()
}

func TestALogThatEndsIsAnError(t *testing.T) {
	log, w := staged(t)
	_, err := w.WriteString(killed7)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	kills, err := log.Wait(t.Context(), func([]Kill) bool { return false })
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Len(t, kills, 1)
}

func TestALogIsReadToItsEndBeforeItIsWaitedFor(t *testing.T) {
	log, w := staged(t)
	for range 3 {
		_, err := w.WriteString(killed7)
		require.NoError(t, err)
	}
	kills, err := log.Wait(t.Context(), func(kills []Kill) bool { return len(kills) >= 1 })
	require.NoError(t, err)
	require.Len(t, kills, 3)
	require.False(t, log.Behind())

	_, err = w.WriteString(killed7)
	require.NoError(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	kills, err = log.Wait(ended, func([]Kill) bool { return false })
	require.NoError(t, err)
	require.Len(t, kills, 4, "what is there is read though the time is up")
	require.False(t, log.Behind())
}

func TestALogTellsOfWhatComesLater(t *testing.T) {
	log, w := staged(t)
	var writer sync.WaitGroup
	writer.Go(func() { _, _ = w.WriteString(summary7); _, _ = w.WriteString(killed7) })
	kills, err := log.Wait(t.Context(), func(kills []Kill) bool { return len(kills) == 1 })
	writer.Wait()
	require.NoError(t, err)
	require.Equal(t, "/a", kills[0].LimitGroup)
}

// As where this process was stopped: the records and the end of the wait have come at once.
func TestWhatWasWrittenBeforeTheTimeWasUpIsRead(t *testing.T) {
	for range 200 {
		log, w := staged(t)
		ctx, cancel := context.WithCancel(t.Context())
		var writer sync.WaitGroup
		writer.Go(func() { _, _ = w.WriteString(killed7); cancel() })
		kills, err := log.Wait(ctx, func([]Kill) bool { return false })
		writer.Wait()
		require.NoError(t, err)
		require.Len(t, kills, 1)
		require.NoError(t, log.Close())
		require.NoError(t, w.Close())
	}
}
