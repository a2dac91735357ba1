package harness

import (
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
)

// The parent takes the exit code when it likes, and a terminal whose size changes signals who waits for that.
func TestAnExitCodeIsWaitedForThoughSignalsCome(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "3")
	cmd.Env = append(os.Environ(), roleVariable+"=exit")
	require.NoError(t, cmd.Start())
	pidfd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	require.NoError(t, err)
	defer unix.Close(pidfd)
	awaitEnd(cmd.Process)
	if _, known := exitOf(pidfd); known || unix.IoctlPidfdInfo(pidfd, &unix.PidfdInfo{}) != nil {
		t.Skip("this kernel does not tell")
	}

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread := unix.Gettid()
	var parent sync.WaitGroup
	parent.Go(func() {
		for range 20 {
			_ = unix.Tgkill(os.Getpid(), thread, unix.SIGURG)
			<-time.After(reapGrace / 200)
		}
		_ = cmd.Wait()
	})
	s, known := exitOf(pidfd)
	parent.Wait()
	require.True(t, known)
	require.Equal(t, outcome.ExitStatus{Ended: true, Code: 3}, s)
}
