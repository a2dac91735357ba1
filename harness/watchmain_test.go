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

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread := unix.Gettid()
	var parent sync.WaitGroup
	parent.Go(func() {
		for range 20 {
			_ = unix.Tgkill(os.Getpid(), thread, unix.SIGURG)
			<-time.After(reapPart / 10)
		}
		_ = cmd.Wait()
	})
	s, known := exitOf(pidfd)
	parent.Wait()
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	tells := unix.IoctlPidfdInfo(pidfd, &info) == nil && info.Mask&unix.PIDFD_INFO_EXIT != 0 // from Linux 6.15 on
	require.Equal(t, tells, known)
	if tells {
		require.Equal(t, outcome.ExitStatus{Ended: true, Code: 3}, s)
	}
}
