package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/suite"
)

// ScaleScenarios are about many processes and many cages.
type ScaleScenarios struct{ scenarios }

func TestScenariosOfScale(t *testing.T) { suite.Run(t, new(ScaleScenarios)) }

func (s *ScaleScenarios) awaitFull(c *Cage) {
	ctx, cancel := context.WithTimeout(s.T().Context(), s.patience())
	defer cancel()
	s.Require().NoError(untilFull(ctx, c))
}

// untilFull waits until a fork bomb has made as many processes as its cage may have; they all go on
// trying. Nobody is told of that moment: the event of pids.events comes with the first fork that fails.
func untilFull(ctx context.Context, c *Cage) error {
	for {
		text, err := c.group.Read("pids.current")
		now := strings.TrimSpace(text)
		if err != nil || now == c.asked.Files["pids.max"] {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until the cage is full, with %s processes by now: %w", now, context.Cause(ctx))
		case <-time.After(time.Millisecond):
		}
	}
}

func pidsMax(n int) Limits {
	return Limits{Max: 64 * MiB, Files: map[string]string{"pids.max": strconv.Itoa(n)}}
}

// Row 26, the fork bomb.
func (s *ScaleScenarios) TestAForkBombEndsWithItsCage() {
	cage := NewCageT(s.T(), pidsMax(32))
	s.start(cage, forkBomb(s.T()))
	s.awaitFull(cage)
	processes, took := s.close(cage)
	s.measured(26, "%d processes that fork without end: empty and removed after %d ms", processes, took.Milliseconds())
}

// Row 26, the tree: three cages below the first, two below each of those with a fork bomb in each,
// and one target in each of the upper four.
func (s *ScaleScenarios) TestATreeOfTenCagesIsEmptiedAndRemovedAtOnce() {
	root := NewCageT(s.T(), Limits{})
	upper, lower := []*Cage{root}, []*Cage{}
	for _, branch := range []string{"a", "b", "c"} {
		middle := mustChild(s.T(), root, branch, Limits{})
		upper = append(upper, middle)
		lower = append(lower, mustChild(s.T(), middle, "left", pidsMax(4)), mustChild(s.T(), middle, "right", pidsMax(4)))
	}
	pause, bomb := pauseProgram(s.T()), forkBomb(s.T())
	for _, c := range upper {
		s.start(c, pause)
	}
	for _, c := range lower {
		s.start(c, bomb)
	}
	for _, c := range lower {
		s.awaitFull(c)
	}
	processes, took := s.close(root)
	s.measured(26, "a tree of %d cages with %d processes, most of which fork without end: empty and removed after %d ms",
		len(upper)+len(lower), processes, took.Milliseconds())
}

// start starts a program that does not end by itself.
func (s *ScaleScenarios) start(c *Cage, path string) {
	_, err := c.Start(s.T().Context(), Target{Path: path})
	s.Require().NoError(err)
}

// close closes a cage with all below, and says how many processes were in it and how long that took: at most closeTimeout.
// The kernel's own tests wait 10 s for a killed cgroup to become empty (cg_wait_for in
// tools/testing/selftests/cgroup/cgroup_util.c); 28 processes took half of that where 40 others waited for 2 CPUs (emulated,
// 2026-11).
func (s *ScaleScenarios) close(c *Cage) (processes int, took time.Duration) {
	pids, err := c.group.Procs()
	s.Require().NoError(err)
	start := time.Now()
	s.Require().NoError(c.Close())
	took = time.Since(start)
	for _, pid := range pids {
		requireGone(s.T(), int(pid))
	}
	requireNothingLeft(s.T())
	return len(pids), took
}

// Row 27. containerd's TestOOMEventMonitor kills in 80 cgroups 100 times, and its CI cuts that to 8
// and 10. Here 100 cages are open at once. In half of them a target takes half of what it may have, and
// lives through ten rounds of kills in all others at once. The cages are made once: a kill takes an
// emulated CPU 55 ms as it is, a quarter of which each run spends on the kernel log of all the others
// (2026-11).
func (s *ScaleScenarios) TestEveryKillAmongAHundredCagesIsSeenAndNoneInvented() {
	const cages, rounds = 100, 10
	takes := 256 * Bytes(os.Getpagesize())                 // a CPU charges up to 64 pages ahead (MEMCG_CHARGE_BATCH in mm/memcontrol.c)
	s.Require().NoError(NewCageT(s.T(), Limits{}).Close()) // has Go's poller make what it keeps
	goroutines, descriptors, start := runtime.NumGoroutine(), s.descriptors(), time.Now()
	target := Target{Path: eatProgram(s.T(), takes)}
	small, large := s.open(cages/2, takes/2), s.open(cages/2, 2*takes)

	over := make(chan struct{})
	live := Load{Count: 1, Step: func(ctx context.Context, p *Process, _ int) error {
		if err := says("E")(ctx, p); err != nil { // it has taken all
			return err
		}
		select {
		case <-over:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}}
	patience := s.patience()
	survivors := s.runInAll(large, Spec{Target: target, Load: live, Timeout: patience})
	killed := 0
	for range rounds {
		for _, o := range s.runInAll(small, Spec{Target: target, Timeout: patience})() {
			o.RequireVerdict(s.T(), OOMKilled)
			o.RequireOOMKills(s.T(), 1)
			killed++
		}
	}
	close(over)
	survived := 0
	for _, o := range survivors() {
		o.RequireVerdict(s.T(), Survived)
		o.RequireOOMKills(s.T(), 0)
		survived++
	}
	for i := range small {
		m, err := small[i].Memory()
		s.Require().NoError(err)
		s.EqualValues(rounds, m.Events.OOMKill)
		s.Require().NoError(errors.Join(small[i].Close(), large[i].Close()))
	}
	took := time.Since(start)
	requireNothingLeft(s.T())
	// What a run has ended takes a moment to go; what earlier tests have left to the garbage collector may
	// go meanwhile.
	for deadline := time.Now().Add(closeTimeout); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if runtime.NumGoroutine() <= goroutines && len(s.newDescriptors(descriptors)) == 0 {
			break
		}
	}
	s.LessOrEqual(runtime.NumGoroutine(), goroutines)
	s.Empty(s.newDescriptors(descriptors))
	s.measured(27, "%d of %d kills seen, %d of %d targets beside them alive, in %.0f s; left: nothing of %d cages",
		killed, rounds*len(small), survived, len(large), took.Seconds(), cages)
}

func (s *ScaleScenarios) open(n int, limit Bytes) []*Cage {
	var open []*Cage
	for range n {
		open = append(open, NewCageT(s.T(), Limits{Max: limit}))
	}
	return open
}

// runInAll runs the spec in all the cages at once. The function that it returns waits for the outcomes.
func (s *ScaleScenarios) runInAll(cages []*Cage, spec Spec) func() []*Outcome {
	outcomes, errs := make([]*Outcome, len(cages)), make([]error, len(cages))
	var all sync.WaitGroup
	for i, c := range cages {
		all.Go(func() { outcomes[i], errs[i] = c.Run(s.T().Context(), spec) })
	}
	return func() []*Outcome {
		all.Wait()
		s.Require().NoError(errors.Join(errs...))
		return outcomes
	}
}

// descriptors are what this process has open, by number: files, pipes, sockets, epoll and inotify
// instances.
func (s *ScaleScenarios) descriptors() map[string]string {
	const dir = "/proc/self/fd/"
	entries, err := os.ReadDir(dir)
	s.Require().NoError(err)
	open := map[string]string{}
	for _, e := range entries {
		if what, err := os.Readlink(dir + e.Name()); err == nil { // the listing's own is closed by now
			open[e.Name()] = what
		}
	}
	return open
}

// newDescriptors are those that were not there before.
func (s *ScaleScenarios) newDescriptors(before map[string]string) map[string]string {
	now := s.descriptors()
	maps.DeleteFunc(now, func(number, what string) bool { return before[number] == what })
	return now
}
