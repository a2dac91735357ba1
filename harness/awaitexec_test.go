package harness

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The kernel compares the memory of two processes: kcmp(2).
func TestAStartedTargetHasMemoryOfItsOwn(t *testing.T) {
	shares := func(pid int) bool {
		const kcmpVM = 1 // KCMP_VM of include/uapi/linux/kcmp.h
		differ, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(os.Getpid()), uintptr(pid), kcmpVM, 0, 0, 0)
		require.Zero(t, errno)
		return differ == 0
	}
	require.True(t, shares(os.Getpid()))
	c := NewCageT(t, Limits{})
	for range 20 {
		p, err := c.Start(t.Context(), as(t, "idle"))
		require.NoError(t, err)
		require.False(t, shares(p.PID()), "the harness would share its oom_score_adj and its OOM kill")
		require.NoError(t, p.end(t.Context()))
	}
}

func TestAProcessThatIsGoneWaitsForNoExecution(t *testing.T) {
	const none = 1 << 30 // above PID_MAX_LIMIT
	require.NoError(t, awaitExec(t.Context(), none))
}
