package harness

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// interruptedVariable makes this test binary the one that is interrupted.
const interruptedVariable = "OOMCAGE_TEST_INTERRUPTED"

// It runs in a process of its own; see the tests below.
func TestThatIsInterrupted(t *testing.T) {
	if os.Getenv(interruptedVariable) == "" {
		return
	}
	c := NewCageT(t, Limits{})
	child := mustChild(t, c, "child", Limits{})
	p, err := child.Start(t.Context(), Target{Path: pauseProgram(t)})
	require.NoError(t, err)
	fmt.Fprintln(os.Stderr, c.Path(), p.PID())
	<-p.Done()
	if os.Getenv(interruptedVariable) == "lives" {
		return // or ends before the signal does
	}
	wait()
}

// interruptible starts a test run whose target waits in a cage.
func interruptible(t *testing.T, how string, args ...string) (cmd *exec.Cmd, cage string, pid int) {
	t.Helper()
	requireCages(t)
	args = append(args, "/proc/self/exe", "-test.run=^TestThatIsInterrupted$")
	cmd = exec.CommandContext(t.Context(), args[0], args[1:]...)
	dir := t.TempDir() // of this test: an interrupted one removes none
	cmd.Env = append(os.Environ(), interruptedVariable+"="+how, "GOCOVERDIR="+dir, "TMPDIR="+dir)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = fmt.Fscan(bufio.NewReader(stderr), &cage, &pid)
	require.NoError(t, err)
	require.NoError(t, unix.Kill(pid, 0))
	return cmd, cage, pid
}

func TestASignalThatEndsATestRunEndsItsCagesFirst(t *testing.T) {
	for _, how := range []string{"waits", "lives"} {
		for _, sig := range []syscall.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP} {
			cmd, cage, pid := interruptible(t, how)
			require.NoError(t, cmd.Process.Signal(sig))
			require.Error(t, cmd.Wait())
			status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
			require.True(t, ok)
			require.True(t, status.Signaled(), "%s, %v: %v", how, sig, cmd.ProcessState)
			require.Equal(t, sig, status.Signal())
			require.NoDirExists(t, cage)
			requireGone(t, pid)
		}
	}
}

func TestASignalThatATestRunIgnoresEndsNothing(t *testing.T) {
	signal.Ignore(unix.SIGHUP)
	defer signal.Reset(unix.SIGHUP)
	cmd, cage, pid := interruptible(t, "waits")
	require.NoError(t, cmd.Process.Signal(unix.SIGHUP))
	require.DirExists(t, cage)
	require.NoError(t, unix.Kill(pid, 0))
	require.NoError(t, cmd.Process.Signal(unix.SIGTERM))
	require.Error(t, cmd.Wait())
	require.Equal(t, "signal: terminated", cmd.ProcessState.String())
	require.NoDirExists(t, cage)
}
