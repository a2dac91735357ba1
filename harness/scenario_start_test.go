package harness

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/suite"
	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
)

// StartScenarios are about what is there before a target's first step and after its last: starts
// that fail, starts anew, and what the one before has left.
type StartScenarios struct{ scenarios }

func TestScenariosOfStarts(t *testing.T) { suite.Run(t, new(StartScenarios)) }

// twoSteps is a limit under which the service takes two steps of 20 MiB, and not a third: it holds 3
// to 5 MiB when it is ready (6.1 and 6.12, 2026-11), so that either is 9 MiB away.
const twoSteps = 54 * MiB

// Row 18. The service starts in 2 MiB and not in 1 MiB (6.12, 2026-11).
func (s *StartScenarios) TestALimitTooSmallToStartKillsBeforeTheFirstStep() {
	o := RunT(s.T(), Spec{
		Target: s.service(), Limits: Limits{Max: 512 * KiB},
		Load: Load{Step: HTTPPost("/generate-load/memory"), Bytes: 20 * MiB},
	})
	o.RequireVerdict(s.T(), OOMKilled)
	o.RequireOOMKills(s.T(), 1)
	s.False(o.Evidence.Ready)
	s.Zero(o.Attempted)
	s.Nil(o.Predicted)
	s.Contains(o.Why, "before it was ready")
	s.Contains(o.Error, "the target ended: SIGKILL")
	s.measured(18, "%s, ready %t, %d steps; %s", o.Verdict, o.Evidence.Ready, o.Attempted, o.Evidence.Events)
}

// Row 19. A watcher that looks for the cgroup of a process which was just started may come too late
// (containerd/containerd#8180). Under the smallest limit that the harness takes, 16 pages, the program is
// killed while it is being loaded, before it can say a word.
func (s *StartScenarios) TestAKillWithinMillisecondsOfTheStartIsSeenEveryTime() {
	NewCageT(s.T(), Limits{}) // as long as one is open, the cgroups above the cages need not be made anew
	const starts = 100
	// Of pages of 16 KiB outcome.SmallestMax is four, in which the arguments find no room: execve(2) fails with E2BIG.
	smallest := outcome.SmallestMax / (4 * KiB) * Bytes(os.Getpagesize())
	var lives []time.Duration // from the return of Start
	target := as(s.T(), "exit", "0")
	target.Ready = func(ctx context.Context, p *Process) error {
		started := time.Now()
		_, err := p.Wait(ctx)
		lives = append(lives, time.Since(started))
		return err
	}
	for range starts {
		o, err := Run(s.T().Context(), Spec{Target: target, Limits: Limits{Max: smallest}})
		s.Require().NoError(err)
		o.RequireVerdict(s.T(), OOMKilled)
		o.RequireOOMKills(s.T(), 1)
		s.Require().Empty(o.Output)
	}
	slices.Sort(lives)
	s.measured(19, "%d times oom-killed, half of them within %.1f ms of the start, all within %.1f ms",
		starts, lives[len(lives)/2].Seconds()*1e3, lives[len(lives)-1].Seconds()*1e3)
}

// Row 20. Each start anew takes the cage's address again and gets as far as its prediction, and each
// outcome counts its own kill.
func (s *StartScenarios) TestAServiceIsRestartedInItsCageAfterEachKill() {
	cage := NewCageT(s.T(), Limits{Max: twoSteps})
	var acknowledged []int
	var outcomes []*Outcome
	pids := map[int]bool{}
	for range 3 {
		o := mustRun(s.T(), cage, Spec{
			Target: s.service(), Load: Load{Step: HTTPPost("/generate-load/memory"), Bytes: 20 * MiB},
		})
		o.RequireVerdict(s.T(), OOMKilled)
		o.RequireAcknowledged(s.T(), 2, 2)
		o.RequirePredicted(s.T())
		o.RequireOOMKills(s.T(), 1)
		s.Equal(twoSteps, o.Spec.Limits.Max, "so that the outcome's spec can be run again")
		acknowledged, outcomes = append(acknowledged, o.Acknowledged), append(outcomes, o)
		pids[o.Evidence.PID] = true
	}
	s.Len(pids, 3)
	m, err := cage.Memory()
	s.Require().NoError(err)
	s.EqualValues(3, m.Events.OOMKill)
	s.measured(20, "3 times oom-killed, after %v steps; oom_kill 1 in each outcome, %d in the cage", acknowledged, m.Events.OOMKill)
	for _, o := range outcomes {
		s.Equal(o.Evidence.PID, requireOneKill(s.T(), o).PID)
	}
}

// Row 21. Files on tmpfs outlive who wrote them, and so does their charge. It does not go with the
// cage, but with the files: until they are removed their pages keep the removed cgroup alive, unseen
// (nr_dying_descendants of cgroup.stat), and it counts in all above it, the guard too. The kernels of
// this table hand no pages over to the parent when a cgroup is removed, only kernel memory
// (mem_cgroup_css_offline in mm/memcontrol.c).
func (s *StartScenarios) TestFilesOnTmpfsStayChargedUntilTheyAreRemoved() {
	const size = 20 * MiB
	dir := s.tmpfs()
	parent := NewCageT(s.T(), Limits{})
	cage := mustChild(s.T(), parent, "files", Limits{Max: twoSteps})
	target := s.service()
	target.Env = []string{"TMPDIR=" + dir}
	file, anon := HTTPPost("/generate-load/memory?kind=file"), HTTPPost("/generate-load/memory")
	o := mustRun(s.T(), cage, Spec{Target: target, Load: Load{Bytes: size, Step: func(ctx context.Context, p *Process, n int) error {
		if n == 1 {
			return file(ctx, p, n)
		}
		return anon(ctx, p, n)
	}}})
	o.RequireVerdict(s.T(), OOMKilled)
	o.RequireAcknowledged(s.T(), 2, 2)
	o.RequirePredicted(s.T())
	lag := int64(o.Baseline.StatLag())
	s.InDelta(int64(size), int64(o.Evidence.Stat.Shmem), float64(lag))
	s.InDelta(0, int64(o.Evidence.Stat.Anon), float64(lag))
	s.GreaterOrEqual(o.Evidence.Current, size)
	s.Contains(o.String(), fmt.Sprintf("stayed     charged: shmem %d\n", o.Evidence.Stat.Shmem))

	s.Require().NoError(cage.Close())
	closed, shmem := s.charge(parent, size, lag)
	s.InDelta(int64(size), int64(shmem), float64(lag))
	s.Require().NoError(os.RemoveAll(dir))
	removed, shmem := s.charge(parent, 0, lag)
	s.InDelta(0, int64(shmem), float64(lag))
	// Pages that a CPU has just put on a list it keeps until that is full, and what it charges ahead. Seen: 4 pages (7.3).
	s.GreaterOrEqual(closed-removed, size-aheadOfUse(), "memory.current does not lag, but for what a CPU holds")
	s.measured(21, "of %d bytes at the end, shmem %d; the parent's: %d when the cage was closed, %d when the file was removed",
		o.Evidence.Current, o.Evidence.Stat.Shmem, closed, removed)
}

// tmpfs makes a directory on tmpfs that is removed when the test ends.
func (s *StartScenarios) tmpfs() string {
	dir, err := os.MkdirTemp("/dev/shm", "oomcage-")
	s.Require().NoError(err)
	s.T().Cleanup(func() { s.NoError(os.RemoveAll(dir)) })
	var fs unix.Statfs_t
	s.Require().NoError(unix.Statfs(dir, &fs))
	s.Require().EqualValues(unix.TMPFS_MAGIC, fs.Type)
	return dir
}

// charge reads memory.current of the cage, and of memory.stat the shmem, when that is what is expected.
func (s *StartScenarios) charge(c *Cage, shmem Bytes, lag int64) (Bytes, Bytes) {
	now := s.summed(c, func(now snapshot) bool {
		behind := int64(now.Stat.Shmem - shmem)
		return -lag <= behind && behind <= lag
	})
	return now.Current, now.Stat.Shmem
}

// Row 30. The negative control: the smallest program there is, which ends by itself.
func (s *StartScenarios) TestAProgramThatDoesNothingEndsByItself() {
	o := RunT(s.T(), Spec{Target: Target{Path: exitProgram(s.T())}, Limits: Limits{Max: 10 * MiB}})
	o.RequireVerdict(s.T(), Exited)
	s.Equal(outcome.ExitStatus{Ended: true}, o.Evidence.Status)
	s.Equal(Events{}, o.Evidence.Events)
	s.measured(30, "%s: %s; events %s; peak %d of %d bytes", o.Verdict, o.Evidence.Status, o.Evidence.Events, o.Peak, o.Evidence.Limits.Max)
}
