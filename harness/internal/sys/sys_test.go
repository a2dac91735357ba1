package sys

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestAFileIsReadToItsEnd(t *testing.T) {
	for _, size := range []int{0, 1, 4095, 4096, 4097, 100000} {
		path := filepath.Join(t.TempDir(), "file")
		want := bytes.Repeat([]byte("x"), size)
		require.NoError(t, os.WriteFile(path, want, 0o600))
		text, err := ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), text)
	}
	maps, err := ReadFile("/proc/self/maps") // in several pieces
	require.NoError(t, err)
	require.Contains(t, maps, "[stack]")
}

func TestAFileThatCannotBeReadIsNamed(t *testing.T) {
	_, err := ReadFile("/no/such/file")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.EqualError(t, err, "open /no/such/file: no such file or directory")
	_, err = ReadFile("/proc")
	require.ErrorIs(t, err, unix.EISDIR)
	require.ErrorContains(t, err, "read /proc: ")
}

func TestAnEventIsWaitedForInGosPoller(t *testing.T) {
	var p [2]int
	require.NoError(t, unix.Pipe2(p[:], unix.O_CLOEXEC))
	defer unix.Close(p[0])
	defer unix.Close(p[1])
	epoll, err := Epoll(p[0], unix.EPOLLIN)
	require.NoError(t, err)
	defer epoll.Close()
	conn, err := epoll.SyscallConn()
	require.NoError(t, err)
	looked, ready := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ready)
		_ = conn.Read(func(fd uintptr) bool {
			n, err := unix.EpollWait(int(fd), make([]unix.EpollEvent, 1), 0)
			select {
			case looked <- struct{}{}:
			default:
			}
			return n > 0 || err != nil
		})
	}()
	<-looked
	select {
	case <-ready:
		t.Fatal("ready, and nothing was written")
	default:
	}
	_, err = unix.Write(p[1], []byte("x"))
	require.NoError(t, err)
	<-ready
	flags, err := unix.FcntlInt(uintptr(p[0]), unix.F_GETFL, 0)
	require.NoError(t, err)
	require.Zero(t, flags&unix.O_NONBLOCK)
}

func TestAFileWithoutEventsIsRefused(t *testing.T) {
	f, err := os.Open(t.TempDir())
	require.NoError(t, err)
	defer f.Close()
	_, err = Epoll(int(f.Fd()), unix.EPOLLIN)
	require.ErrorIs(t, err, unix.EPERM)
}
