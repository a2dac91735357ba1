package harness

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
			_, known := tracedEnd(fmt.Sprintf("/proc/%d", p.PID()))
			require.False(t, known, "it runs")
			require.False(t, p.isWaitable())
			require.NoError(t, target.Process.Kill())
			require.Eventually(t, func() bool {
				status, known := tracedEnd(fmt.Sprintf("/proc/%d", p.PID()))
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

// A list of threads was taken for all of them: the kernel's own ends at a thread that ends meanwhile, and what that one had started
// was not in it.
func TestAThreadThatIsNotListedMayRun(t *testing.T) {
	stat := func(state string, threads int) string {
		fields := slices.Repeat([]string{"0"}, exitCodeOf+1)
		fields[0], fields[threadsOf], fields[exitCodeOf] = state, strconv.Itoa(threads), "9"
		return "7 (a) b) " + strings.Join(fields, " ") + "\n"
	}
	for name, c := range map[string]struct {
		leader string
		tasks  map[string]string
		known  bool
	}{
		"the leader alone":             {stat("Z", 1), map[string]string{"7": stat("Z", 1)}, true},
		"and one that is traced":       {stat("Z", 2), map[string]string{"7": stat("Z", 2), "8": stat("Z", 2)}, true},
		"one is not listed":            {stat("Z", 2), map[string]string{"7": stat("Z", 2)}, false},
		"one of two is gone":           {stat("Z", 2), map[string]string{"7": stat("Z", 2), "8": ""}, false},
		"one runs":                     {stat("Z", 2), map[string]string{"7": stat("Z", 2), "8": stat("R", 2)}, false},
		"it is not dead":               {stat("S", 1), map[string]string{"7": stat("S", 1)}, false},
		"its parent has waited for it": {stat("Z", 0), nil, false},
		"it is gone":                   {"", nil, false},
		"it is gone, and was listed":   {"", map[string]string{"7": stat("Z", 1)}, false},
		"the leader's line is cut off": {"7 (a) Z 1", map[string]string{"7": stat("Z", 1)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "stat"), []byte(c.leader), 0o600))
			for tid, text := range c.tasks {
				require.NoError(t, os.MkdirAll(filepath.Join(dir, "task", tid), 0o700))
				require.NoError(t, os.WriteFile(filepath.Join(dir, "task", tid, "stat"), []byte(text), 0o600))
			}
			status, known := tracedEnd(dir)
			require.Equal(t, c.known, known)
			if known {
				require.Equal(t, sigkill, status)
			}
		})
	}
}
