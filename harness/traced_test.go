package harness

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mustStart starts a role outside of any cage, and returns it when it has said its first line. It is killed with the test.
func mustStart(t *testing.T, role string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", args...)
	cmd.Env, cmd.Stderr = append(os.Environ(), roleVariable+"="+role), os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return cmd
}

func TestTheEndOfWhatATracerHoldsIsKnown(t *testing.T) {
	for _, how := range []string{"main", "threads"} {
		t.Run(how, func(t *testing.T) {
			target := mustStart(t, "traceable")
			tracer := mustStart(t, "tracer", strconv.Itoa(target.Process.Pid), how)
			p := &Process{child: target.Process}
			_, known := tracedEnd(p.PID())
			require.False(t, known, "it runs")
			require.False(t, p.isWaitable())
			require.NoError(t, target.Process.Kill())
			require.Eventually(t, func() bool {
				status, known := tracedEnd(p.PID())
				return known && status == sigkill
			}, time.Minute, time.Millisecond)
			require.False(t, p.isWaitable(), "its parent cannot wait for it")
			require.NoError(t, tracer.Process.Kill())
			require.Error(t, tracer.Wait())
			require.Error(t, target.Wait(), "the tracer has let it go")
			require.True(t, p.isWaitable())
		})
	}
}

func TestAKilledTargetThatATracerHoldsIsJudgedAtOnce(t *testing.T) {
	for _, how := range []string{"main", "threads"} {
		t.Run(how, func(t *testing.T) {
			start := time.Now()
			target := as(t, "traced", how, "100000000")
			target.Env = append(target.Env, "GODEBUG=asyncpreemptoff=1") // a traced thread would stop at the runtime's signals
			o := RunT(t, Spec{Target: target, Limits: Limits{Max: 50 * MiB}})
			o.RequireVerdict(t, OOMKilled)
			require.Equal(t, sigkill, o.Evidence.Status)
			require.Less(t, time.Since(start), closeTimeout/2)
		})
	}
}
