package harness

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/outcome"
)

func TestLimitsAreWrittenAndReadBack(t *testing.T) {
	page := Bytes(os.Getpagesize())
	c := NewCageT(t, Limits{
		Max: 100000000, High: 90000000, Low: page + 904, Min: page, Swap: 0, OOMGroup: true,
		Files: map[string]string{"pids.max": "64"},
	})
	down := func(size Bytes) Bytes { return size - size%page }
	require.Equal(t, down(100000000), c.Limits().Max, "rounded down to a page")
	require.Less(t, c.Limits().Max, Bytes(100000000))
	require.Equal(t, down(90000000), c.Limits().High)
	require.Equal(t, page, c.Limits().Low)
	text := func(size Bytes) string { return strconv.FormatInt(int64(size), 10) }
	for file, want := range map[string]string{
		"memory.max": text(down(100000000)), "memory.high": text(down(90000000)), "memory.low": text(page), "memory.min": text(page),
		"memory.swap.max": "0", "memory.oom.group": "1", "pids.max": "64",
	} {
		b, err := os.ReadFile(filepath.Join(c.Path(), file))
		require.NoError(t, err)
		require.Equal(t, want, strings.TrimSpace(string(b)), file)
	}
}

func TestLimitsThatAreNotSetStayAtTheKernelsDefault(t *testing.T) {
	c := NewCageT(t, Limits{Swap: Unlimited})
	for file, want := range map[string]string{
		"memory.max": "max", "memory.high": "max", "memory.low": "0", "memory.min": "0", "memory.swap.max": "max", "memory.oom.group": "0",
	} {
		b, err := os.ReadFile(filepath.Join(c.Path(), file))
		require.NoError(t, err)
		require.Equal(t, want, strings.TrimSpace(string(b)), file)
	}
}

func TestALimitThatTheKernelRefusesLeavesNoCage(t *testing.T) {
	requireCages(t)
	_, err := NewCage(t.Context(), Limits{Files: map[string]string{"pids.max": "many"}})
	require.ErrorContains(t, err, "set pids.max")
	_, err = NewCage(t.Context(), Limits{Files: map[string]string{"no.such": "1"}})
	require.ErrorIs(t, err, fs.ErrNotExist)
	requireNothingLeft(t)
}

func TestTheTargetIsBornInTheCage(t *testing.T) {
	c := NewCageT(t, Limits{Max: 256 * MiB})
	p, err := c.Start(t.Context(), as(t, "idle"))
	require.NoError(t, err)
	require.NoError(t, says("idle")(t.Context(), p))
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", p.PID()))
	require.NoError(t, err)
	require.Contains(t, string(b), strings.TrimPrefix(c.Path(), "/sys/fs/cgroup"))
	m, err := c.Memory()
	require.NoError(t, err)
	require.Positive(t, m.Current)
	require.GreaterOrEqual(t, m.Peak, m.Current)

	own, err := os.ReadFile("/proc/self/cgroup")
	require.NoError(t, err)
	require.NotContains(t, string(own), "oomcage/run-", "the harness itself stays outside the guard")
}

func TestTheTargetSeesItsAddressAndEnvironment(t *testing.T) {
	c := NewCageT(t, Limits{})
	target := as(t, "env", "-addr", "$ADDR", "$HOME")
	target.Env = append(target.Env, "GREETING=hello from ${PORT}")
	p, err := c.Start(t.Context(), target)
	require.NoError(t, err)
	status, err := p.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, exit(0), status)
	_, port, err := net.SplitHostPort(c.Addr())
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.Equal(t, fmt.Sprintf("[-addr %s $HOME] hello from %s\n", c.Addr(), port), p.Output())
}

func TestClosingKillsWhatIsInside(t *testing.T) {
	c := NewCageT(t, Limits{Max: 512 * MiB})
	p, err := c.Start(t.Context(), as(t, "children", "20"))
	require.NoError(t, err)
	require.NoError(t, says("started")(t.Context(), p))
	pids, err := c.group.Procs()
	require.NoError(t, err)
	require.Len(t, pids, 21)

	require.NoError(t, c.Close())
	require.NoError(t, c.Close(), "closing again is nothing new")
	require.NoDirExists(t, c.Path())
	for _, pid := range pids {
		requireGone(t, int(pid))
	}
	requireNothingLeft(t)
	require.Equal(t, "SIGKILL", p.Status().Signal)

	_, err = c.Start(t.Context(), as(t, "idle"))
	require.ErrorContains(t, err, "closed")
	_, err = c.Memory()
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestACageThatIsGoneAlreadyIsClosed(t *testing.T) {
	c := NewCageT(t, Limits{})
	require.NoError(t, unix.Rmdir(c.Path()))
	require.NoError(t, c.Close())
	requireNothingLeft(t)
}

func TestAProgramThatCannotBeStartedIsAnError(t *testing.T) {
	c := NewCageT(t, Limits{})
	_, err := c.Start(t.Context(), Target{Path: "/no/such/program"})
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "start /no/such/program")
	_, err = c.Start(t.Context(), Target{})
	require.ErrorContains(t, err, "no Path")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Start(cancelled, as(t, "idle"))
	require.ErrorIs(t, err, context.Canceled)
}

func TestSignalsReachTheTarget(t *testing.T) {
	c := NewCageT(t, Limits{})
	p, err := c.Start(t.Context(), as(t, "idle"))
	require.NoError(t, err)
	require.NoError(t, says("idle")(t.Context(), p))
	require.Equal(t, outcome.ExitStatus{}, p.Status())
	require.NoError(t, p.Signal(syscall.SIGQUIT))
	status, err := p.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, exit(2), status, "as Go's runtime ends a program that is asked for its goroutines")
	require.NoError(t, c.Close())
	require.Contains(t, p.Output(), "SIGQUIT: quit")
	require.ErrorIs(t, p.Signal(syscall.SIGTERM), os.ErrProcessDone)
}

// A hundred servers at once, each bound to the address of its cage.
func TestAddressesOfAHundredCagesNeverCollide(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]bool{}
	var wg sync.WaitGroup
	errs := make(chan error, 100)
	for range 100 {
		c := NewCageT(t, Limits{})
		wg.Go(func() {
			var lc net.ListenConfig
			l, err := lc.Listen(t.Context(), "tcp", c.Addr())
			if err != nil {
				errs <- err
				return
			}
			t.Cleanup(func() { _ = l.Close() })
			mu.Lock()
			defer mu.Unlock()
			if seen[c.Addr()] {
				errs <- fmt.Errorf("%s twice", c.Addr())
			}
			seen[c.Addr()] = true
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	require.Len(t, seen, 100)
}

func TestTheGuardHoldsAllCagesTogether(t *testing.T) {
	above := func(c *Cage) *cgroup.Group {
		up := c.group.Ancestors()
		require.GreaterOrEqual(t, len(up), 2)
		return up[1]
	}
	const size = 8 * MiB
	cages := []*Cage{NewCageT(t, Limits{}), NewCageT(t, Limits{})}
	guard := above(cages[0])
	require.Equal(t, "oomcage", filepath.Base(guard.Name()))
	require.Equal(t, guard.Path(), above(cages[1]).Path())
	for _, c := range cages {
		p, err := c.Start(t.Context(), as(t, "eat", strconv.Itoa(int(size))))
		require.NoError(t, err)
		require.NoError(t, says("ate")(t.Context(), p))
	}
	used, err := guard.ReadSize("memory.current")
	require.NoError(t, err)
	require.GreaterOrEqual(t, Bytes(used), 2*size, "what both take is charged to it")
	limit, err := guard.ReadSize("memory.max")
	require.NoError(t, err)
	var info unix.Sysinfo_t
	require.NoError(t, unix.Sysinfo(&info))
	require.Less(t, Bytes(limit), Bytes(info.Totalram)*Bytes(info.Unit), "the machine keeps a share")
	require.Positive(t, limit)
}

func TestLeftOversOfAKilledRunAreRemovedAndNamed(t *testing.T) {
	requireCages(t)
	run, pid := mustBeKilled(t, "started", "0")
	require.DirExists(t, run)
	require.NoError(t, unix.Kill(pid, 0), "the target outlives its harness")

	stderr := captureStderr(t, func() { require.NoError(t, NewCageT(t, Limits{}).Close()) })

	require.NoDirExists(t, run)
	if stderr == "" && os.Getenv("OOMCAGE_VM") == "" {
		return // the tests of another package, which run beside these on a host, were quicker
	}
	require.Contains(t, stderr, "removed "+run+", left by a run that was killed")
	require.Contains(t, stderr, fmt.Sprintf("pause[%d] in it", pid))
}

func TestTheCagesOfALivingRunAreLeftAlone(t *testing.T) {
	requireCages(t)
	self := as(t, "open-harness")
	cmd := exec.CommandContext(t.Context(), self.Path)
	cmd.Env = append(os.Environ(), self.Env...)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var cage string
	_, err = fmt.Fscan(stdout, &cage)
	require.NoError(t, err)

	stderr := captureStderr(t, func() { require.NoError(t, NewCageT(t, Limits{}).Close()) })
	require.NotContains(t, stderr, filepath.Dir(cage))

	require.DirExists(t, cage)
	require.NoError(t, stdin.Close())
	require.NoError(t, cmd.Wait())
	require.NoDirExists(t, cage)
}

// The run's cgroup and the guard come and go with the first and the last cage, in each of the
// processes that go test starts side by side.
func TestRunsOfSeveralProcessesDoNotDisturbEachOther(t *testing.T) {
	requireCages(t)
	self := as(t, "churning-harness", "40")
	var others [4]*exec.Cmd
	var out [len(others)]bytes.Buffer
	for i := range others {
		others[i] = exec.CommandContext(t.Context(), self.Path, self.Args...)
		others[i].Env = append(os.Environ(), self.Env...)
		others[i].Stdout, others[i].Stderr = &out[i], &out[i]
		require.NoError(t, others[i].Start())
	}
	for i, cmd := range others {
		err := cmd.Wait()
		require.NoError(t, err, out[i].String())
		require.NotContains(t, out[i].String(), "left by a run")
	}
}

func captureStderr(t *testing.T, f func()) string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "stderr")
	require.NoError(t, err)
	defer file.Close()
	saved := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = saved }()
	f()
	b, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	return string(b)
}

// requireCages skips where cages cannot be made, as NewCageT does.
func requireCages(t *testing.T) {
	t.Helper()
	require.NoError(t, NewCageT(t, Limits{}).Close())
}
