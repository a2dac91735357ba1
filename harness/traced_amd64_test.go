package harness

import (
	"encoding/binary"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// relayProgram is one whose threads each wait for a ms, start the next one and end, the main thread too.
func relayProgram(tb testing.TB) string {
	tb.Helper()
	const flags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM
	le := binary.LittleEndian
	relay := []byte{0x31, 0xff, 0x31, 0xf6, 0xba, 1, 0, 0, 0} // xor %edi,%edi; xor %esi,%esi; mov $1,%edx
	relay = append(relay, systemCall(unix.SYS_POLL)...)
	relay = le.AppendUint32(append(relay, 0xbf), flags) // mov $flags,%edi; %esi is 0: no stack, as none is used
	relay = append(relay, systemCall(unix.SYS_CLONE)...)
	relay = append(relay, 0x85, 0xc0)                 // test %eax,%eax
	relay = append(relay, 0x7e, byte(-len(relay)-2))  // jle to the beginning: the new thread, or there is none
	return program(tb, "relay", 0, relay, codeExit()) // of this thread alone
}

// Who lists the threads may find them all dead, and one that has been started since.
func TestATargetWhoseThreadsRelayEachOtherHasNotEnded(t *testing.T) {
	target := exec.CommandContext(t.Context(), relayProgram(t))
	require.NoError(t, target.Start())
	defer func() {
		require.NoError(t, target.Process.Kill())
		require.Error(t, target.Wait())
	}()
	require.Eventually(t, func() bool { return lookAt(target.Process.Pid, "/").leaderDead }, time.Minute, time.Millisecond)
	for range 2000 {
		status, known := tracedEnd(fmt.Sprintf("/proc/%d", target.Process.Pid))
		require.False(t, known, "%s", status)
	}
}
