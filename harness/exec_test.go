package harness

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/printing"
)

// self is a command that plays a role of this test binary.
func self(t *testing.T, role string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	return cmd
}

func TestWhatACommandPrintsIsThereWhenItHasEnded(t *testing.T) {
	var out tail
	require.NoError(t, printing.Run(self(t, "shout", "30720"), execGrace, &out, &out))
	require.Len(t, out.String(), 30<<10+len("the end\n"))

	var stdout, stderr tail
	require.EqualError(t, printing.Run(self(t, "nobody plays this"), execGrace, &stdout, &stderr), "exit status 1")
	require.Empty(t, stdout.String())
	require.Contains(t, stderr.String(), `the role "nobody plays this" is unknown`)

	require.ErrorIs(t, printing.Run(exec.CommandContext(t.Context(), "/no/such/program"), execGrace, &out, &out), os.ErrNotExist)
}

func TestWhoPrintsMoreThanIsTakenIsNotWaitedFor(t *testing.T) {
	little := bounded{most: 1000}
	require.Error(t, printing.Run(self(t, "shout", "2000000"), execGrace, &little, new(tail)))
	require.True(t, little.full)
}

func TestACommandThatLeavesItsOutputOpenIsGivenUp(t *testing.T) {
	r, w, err := os.Pipe() // what the one that it leaves reads
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	cmd := self(t, "leave-open")
	cmd.Stdin = r
	require.ErrorIs(t, printing.Run(cmd, execGrace, new(tail), new(tail)), exec.ErrWaitDelay)
}

func TestACommandIsKilledWhenItsContextEnds(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"=idle")
	end()
	require.Error(t, printing.Run(cmd, execGrace, new(tail), new(tail)))
}
