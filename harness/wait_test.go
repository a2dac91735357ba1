package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// patientHarness keeps n targets running, and prints how many threads it has more for it.
func patientHarness(n int, program string) {
	c, err := NewCage(context.Background(), Limits{})
	fail(err)
	before := threads()
	for range n {
		_, err := c.Start(context.Background(), Target{Path: program})
		fail(err)
	}
	fmt.Println(threads() - before)
	fail(c.Close())
}

func threads() int {
	tasks, err := os.ReadDir("/proc/self/task")
	fail(err)
	return len(tasks)
}

// In a process of its own: Go keeps the threads that another test needed.
func TestTargetsThatRunHoldNoThreads(t *testing.T) {
	requireCages(t)
	const targets = 40
	self := as(t, "patient-harness", fmt.Sprint(targets), pauseProgram(t))
	cmd := exec.CommandContext(t.Context(), self.Path, self.Args...)
	cmd.Env = append(os.Environ(), self.Env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Less(t, mustAtoi(strings.TrimSpace(string(out))), targets/2)
}
