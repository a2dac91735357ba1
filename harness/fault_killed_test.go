package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// stagesOfARun are what a harness can be in the middle of.
var stagesOfARun = []string{"made", "started", "loading", "collecting", "closing"}

// killedHarness is a harness that is killed in a stage of its run, after so many tenths of it: of the
// steps of a load, or of the time that the same has taken a moment before. Its target waits in the cage.
// It prints the cage, and the target when there is one.
func killedHarness(stage string, tenths int, path string) {
	ctx := context.Background()
	target := Target{Path: path}
	c, err := NewCage(ctx, Limits{})
	fail(err)
	fmt.Println(c.Path())
	if stage == "made" {
		die()
	}
	p, err := c.Start(ctx, target)
	fail(err)
	fmt.Println(p.PID())
	switch stage {
	case "loading":
		_, err := c.Run(ctx, Spec{Target: target, Load: Load{Step: func(_ context.Context, _ *Process, n int) error {
			if n > tenths {
				die()
			}
			return nil
		}}})
		fail(err)
	case "collecting":
		tl, err := newTimeline(c, time.Now())
		fail(err)
		defer tl.close()
		tl.watch(p)
		log := openKernelLog()
		read := func() { collect(ctx, p, tl, log, false) }
		dieWithin(tenths, read, read)
	case "closing":
		rehearsal, err := NewCage(ctx, Limits{})
		fail(err)
		_, err = rehearsal.Start(ctx, target)
		fail(err)
		dieWithin(tenths, func() { fail(rehearsal.Close()) }, func() { fail(c.Close()) })
	}
	die()
}

func die() {
	fail(unix.Kill(os.Getpid(), unix.SIGKILL))
	wait()
}

func dieWithin(tenths int, rehearse, do func()) {
	start := time.Now()
	rehearse()
	if tenths == 0 { // a timer may come too late, also one of 0
		die()
	}
	time.AfterFunc(time.Since(start)*time.Duration(tenths)/10, die)
	do()
}

// The next run removes what is left, and says so. Of the closing some may have been done.
func TestTheNextRunRemovesWhatAHarnessLeavesThatIsKilledInAnyStage(t *testing.T) {
	requireCages(t)
	for _, stage := range stagesOfARun {
		left := 0
		for tenths := range 10 {
			run, pid := mustBeKilled(t, stage, fmt.Sprint(tenths))
			wasLeft := exists(run)
			said := captureStderr(t, func() { require.NoError(t, NewCageT(t, Limits{}).Close()) })
			require.NoDirExists(t, run)
			if pid != 0 {
				requireGone(t, pid)
			}
			if wasLeft && (said != "" || os.Getenv("OOMCAGE_VM") != "") { // on a host, the tests of another package may have been quicker
				require.Contains(t, said, "removed "+run+", left by a run that was killed", stage)
			}
			if wasLeft {
				left++
			}
		}
		if stage == "closing" || os.Getenv("OOMCAGE_VM") == "" { // as above
			require.Positive(t, left, stage)
		} else {
			require.Equal(t, 10, left, stage)
		}
		t.Logf("killed 10 times while %s: left %d times", stage, left)
	}
}

// mustBeKilled plays a harness that is killed, and returns the cgroup of its run and its target.
func mustBeKilled(t *testing.T, stage, tenths string) (run string, pid int) {
	t.Helper()
	self := as(t, "killed-harness", stage, tenths, pauseProgram(t))
	cmd := exec.CommandContext(t.Context(), self.Path, self.Args...)
	cmd.Env = append(os.Environ(), self.Env...)
	out, err := cmd.Output()
	var died *exec.ExitError
	require.ErrorAs(t, err, &died)
	require.Equal(t, "signal: killed", died.Error(), "stderr: %s", died.Stderr)
	var cage string
	n, err := fmt.Sscan(string(out), &cage, &pid)
	if stage != "made" || n != 1 {
		require.NoError(t, err)
	}
	return filepath.Dir(cage), pid
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
