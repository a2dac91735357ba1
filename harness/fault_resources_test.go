package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What a harness can be short of.

// The harness waits by epoll. A user has 128 instances of inotify by default.
func TestTheHarnessNeedsNoInotify(t *testing.T) {
	own := NewCageT(t, Limits{Max: roomForHarness})
	delegate(t, own.Path(), "cgroup.procs", "cgroup.threads", "cgroup.subtree_control")
	r := confined(t, own.Path(), asUser(t, nobody), "no-inotify", "33554432")
	require.Empty(t, r.Error)
	r.Outcome.RequireVerdict(t, OOMKilled)
	r.Outcome.RequireOOMKills(t, 1)
}

func TestAReadOnlyCgroupFileSystemIsAnErrorThatSaysSo(t *testing.T) {
	own := NewCageT(t, Limits{Max: roomForHarness})
	r := confined(t, own.Path(), syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}, "read-only-cgroups", "33554432")
	require.True(t, r.NotSupported)
	require.Contains(t, r.Error, "cgroup v2 is mounted read-only at "+cgroupMount)
	require.Contains(t, r.Error, "remount,rw")
	require.Empty(t, cgroupsBelow(t, own.Path()))
}

// A harness that has to make way makes four cgroups for its first cage: one for itself, the guard, the
// run's and the cage.
func TestAHarnessThatMayMakeTooFewCgroupsSaysWhoseLimitItIs(t *testing.T) {
	for most := range 5 {
		own := NewCageT(t, Limits{Max: roomForHarness, Files: map[string]string{"cgroup.max.descendants": strconv.Itoa(most)}})
		delegate(t, own.Path(), "cgroup.procs", "cgroup.threads", "cgroup.subtree_control")
		r := confined(t, own.Path(), asUser(t, nobody), "33554432")
		if most < 4 {
			require.Contains(t, r.Error, fmt.Sprintf("%s/cgroup.max.descendants is %d, and that is reached", own.Path(), most))
		} else {
			require.Empty(t, r.Error)
			r.Outcome.RequireVerdict(t, OOMKilled)
		}
		for _, name := range cgroupsBelow(t, own.Path()) {
			require.Contains(t, name, "oomcage-harness-", "most %d", most)
		}
		require.NoError(t, own.Close())
	}
}

func TestACageWithoutRoomForAChildOrATargetSaysWhoseLimitItIs(t *testing.T) {
	parent := NewCageT(t, Limits{Files: map[string]string{"cgroup.max.descendants": "1", "pids.max": "1"}})
	child := mustChild(t, parent, "a", Limits{})
	_, err := parent.Child("b", Limits{})
	require.ErrorIs(t, err, unix.EAGAIN)
	require.ErrorContains(t, err, parent.Path()+"/cgroup.max.descendants is 1, and that is reached: end what is not needed below it, or echo max > ")

	target := Target{Path: pauseProgram(t)}
	_, err = child.Start(t.Context(), target)
	require.NoError(t, err)
	_, err = child.Start(t.Context(), target)
	require.ErrorIs(t, err, unix.EAGAIN)
	require.ErrorContains(t, err, parent.Path()+"/pids.max is 1, and that is reached")
	require.NoError(t, parent.Close())
	requireNothingLeft(t)
}

// starved is one run of a harness that may open few descriptors more.
type starved struct {
	More         int
	Verdict      Verdict
	Why          string
	Error        string
	NotSupported bool // which would skip a test
	Left         []string
}

// starvedHarness runs the program with no more descriptors than are open, with one more, and so on, until
// the program ends as it does with plenty.
func starvedHarness(path string) {
	c, err := NewCage(context.Background(), Limits{}) // has Go's poller take what it needs
	fail(err)
	fail(c.Close())
	next, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	fail(err)
	fail(unix.Close(next))
	var plenty syscall.Rlimit
	fail(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &plenty))
	for s := (starved{}); s.Verdict != OOMKilled; s.More++ {
		s.Verdict, s.Why, s.Error = "", "", ""
		fail(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(next + s.More), Max: plenty.Max}))
		o, err := Run(context.Background(), Spec{Target: Target{Path: path}, Limits: Limits{Max: MiB / 2}})
		fail(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &plenty))
		if err != nil {
			s.Error, s.NotSupported = err.Error(), errors.Is(err, ErrNotSupported)
		} else {
			s.Verdict, s.Why = o.Verdict, o.Why
		}
		s.Left, err = filepath.Glob(fmt.Sprintf("%s/oomcage/run-%d-*", cgroupMount, os.Getpid()))
		fail(err)
		fail(json.NewEncoder(os.Stdout).Encode(s))
	}
}

func TestAHarnessOutOfFileDescriptorsSaysSoAndLeavesNothing(t *testing.T) {
	requireCages(t)
	self := as(t, "starved-harness", eatProgram(t, MiB))
	cmd := exec.CommandContext(t.Context(), self.Path, self.Args...)
	cmd.Env = append(os.Environ(), self.Env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	var runs []starved
	for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
		var s starved
		require.NoError(t, json.Unmarshal(lines.Bytes(), &s), lines.Text())
		runs = append(runs, s)
		require.Empty(t, s.Left, "%+v", s)
		switch s.Verdict {
		case "":
			require.Contains(t, s.Error, "too many open files")
			require.Contains(t, s.Error, "ulimit -n")
			require.False(t, s.NotSupported, "%+v", s)
		case Inconclusive:
			require.Contains(t, s.Why, "too many open files")
		default:
			require.Equal(t, OOMKilled, s.Verdict, "%+v", s)
		}
	}
	require.Greater(t, len(runs), 1)
}

// A disk that is full: a page holds no outcome with a page of output.
func TestAnOutcomeThatDoesNotFitOnTheDiskIsNotKeptAndIsPrinted(t *testing.T) {
	requireCages(t)
	requireRoot(t)
	disk := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", disk, "tmpfs", 0, "size="+strconv.Itoa(os.Getpagesize())))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(disk, 0)) })
	path := filepath.Join(disk, "outcome.json")
	fake := &fakeTest{name: "TestX"}
	small, large := killedOutcome("small"), killedOutcome("large")
	large.Output = strings.Repeat("x", os.Getpagesize())
	r, _ := remember(fake, small)
	r.keep(fake, small, path)
	require.False(t, fake.failed, "%s", fake.logs)
	kept, err := os.ReadFile(path)
	require.NoError(t, err)

	remember(fake, large)
	r.keep(fake, large, path)
	require.True(t, fake.failed)
	require.Contains(t, fake.logs[0], syscall.ENOSPC.Error())
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(kept), string(after))
	require.Contains(t, fake.end(), large.Output[:100])
}
