package harness

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/suite"

	"oomcage/harness/internal/cgroup"
)

// LimitScenarios are about memory.max and memory.high where nothing can be swapped out. Their
// figures are those of tools/testing/selftests/cgroup/test_memcontrol.c in the kernel's source.
type LimitScenarios struct{ scenarios }

func TestScenariosOfTheLimits(t *testing.T) { suite.Run(t, new(LimitScenarios)) }

// Row 2. The selftest sees oom 1, with a single thread. It counts each thread that meets the limit,
// and a Go program has several, if only those of the runtime. The target is taken for ready when the cage
// is empty, before the harness does anything to empty it: a step would not be sent to one that has ended.
func (s *LimitScenarios) TestAnonymousMemoryOverMaxIsKilledAndNothingIsLeft() {
	target, emptied := as(s.T(), "eat", fmt.Sprint(int64(100*MiB))), false
	target.Ready = func(ctx context.Context, p *Process) error {
		_, err := p.Wait(ctx)
		if err == nil {
			late, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
			defer cancel()
			err = p.Cage().group.WaitEmpty(late)
		}
		emptied = err == nil
		return err
	}
	o := RunT(s.T(), Spec{Target: target, Limits: Limits{Max: 30 * MiB}})
	o.RequireVerdict(s.T(), OOMKilled)
	s.True(emptied)
	o.RequireOOMKills(s.T(), 1)
	s.Positive(o.Evidence.EventsLocal.OOM)
	s.measured(2, "oom %d, oom_kill %d, no process left, peak %d of %d bytes",
		o.Evidence.EventsLocal.OOM, o.Evidence.Events.OOMKill, o.Peak, o.Evidence.Limits.Max)
}

// Row 3. The selftest allows 5 % of the limit and the charge together, which is twice as much.
func (s *LimitScenarios) TestPageCacheOverMaxIsReclaimed() {
	target := s.service()
	target.Env = append(target.Env, "TMPDIR="+onDisk(s.T()))
	o := RunT(s.T(), Spec{
		Target: target, Limits: Limits{Max: 30 * MiB},
		Load: Load{Step: taking("file", 50*MiB), Count: 1},
	})
	o.RequireVerdict(s.T(), Survived)
	o.RequireAcknowledged(s.T(), 1, 1)
	s.Positive(o.Evidence.Events.Max)
	s.InEpsilon(int64(o.Evidence.Limits.Max), int64(o.Evidence.Current), 0.05)
	s.measured(3, "current %d of %d bytes, max %d", o.Evidence.Current, o.Evidence.Limits.Max, o.Evidence.Events.Max)
}

// Row 4. The selftest takes 31M, and next to nothing besides. The service holds some already, and
// would be held up for long: the pause grows with the square of the excess. So it takes what is
// missing to 31M, and again where that fitted into a huge page that was charged already.
func (s *LimitScenarios) TestAnonymousMemoryALittleOverHighSurvives() {
	upTo := func(goal Bytes) Step {
		return func(ctx context.Context, p *Process, n int) error {
			for {
				m, err := p.Cage().Memory()
				if err != nil || m.Current > p.Cage().Limits().High {
					return err
				}
				if err := taking("anon", goal-m.Current)(ctx, p, n); err != nil {
					return err
				}
			}
		}
	}
	o := RunT(s.T(), Spec{
		Target: s.service(), Limits: Limits{High: 30 * MiB},
		Load: Load{Step: upTo(31 * MiB), Count: 1},
	})
	o.RequireVerdict(s.T(), Survived)
	o.RequireAcknowledged(s.T(), 1, 1)
	s.Positive(o.Evidence.Events.High)
	s.Greater(o.Evidence.Current, o.Evidence.Limits.High)
	s.measured(4, "current %d with memory.high %d bytes, high %d", o.Evidence.Current, o.Evidence.Limits.High, o.Evidence.Events.High)
}

// longestPause is how long memory.high holds a task up at a time, at most
// (MEMCG_MAX_HIGH_DELAY_JIFFIES, mm/memcontrol.c).
const longestPause = 2 * time.Second

// Row 5. After the first pause of all there is the end of another, at which the counter rises again.
func (s *LimitScenarios) TestAnonymousMemoryFarOverHighStallsAndIsNeverKilled() {
	var first, later uint64
	o := runUntil(s.T(), Limits{High: 30 * MiB}, func(timeIsUp func()) Spec {
		return Spec{Target: as(s.T(), "eat", fmt.Sprint(int64(100*MiB))), Load: Load{Step: func(ctx context.Context, p *Process, n int) error {
			defer timeIsUp()
			begun := time.Now()
			return untilCounted(ctx, p.Cage(), func(e Events) bool {
				if first == 0 {
					first, begun = e.High, time.Now()
				}
				later = e.High
				return later > first && time.Since(begun) > 2*longestPause
			})
		}}}
	})
	o.RequireVerdict(s.T(), Stalled)
	o.RequireOOMKills(s.T(), 0)
	s.Positive(first)
	s.Greater(later, first)
	s.False(o.Evidence.Status.Ended)
	s.measured(5, "current %d with memory.high %d bytes after %v, high %d, and %d when it was first seen",
		o.Evidence.Current, o.Evidence.Limits.High, o.Took.Round(time.Second), o.Evidence.Events.High, first)
}

// Row 6. Since Linux 5.18 memory.high holds a task up within a system call, so that a single one
// cannot fill the cage; before, it did so only on the way back. Huge pages are charged without
// that, hence small ones. The kernel's own test has mlock(2) do it, for which an ordinary user may lock too
// little; madvise(2) takes the same way. Each 64 pages cost a pause of 64 s times the square of the excess in
// parts of memory.high, or the longest one: half as much again takes 90 s (calculate_high_delay),
// and a run has a minute.
func (s *LimitScenarios) TestOneLargeSystemCallIsHeldAtHigh() {
	o := RunT(s.T(), Spec{
		Target: as(s.T(), "populate", fmt.Sprint(int64(200*MiB))), Limits: Limits{High: 30 * MiB, Max: 140 * MiB},
		Load: Load{Step: untilThrottled, Count: 1},
	})
	o.RequireVerdict(s.T(), Survived)
	o.RequireAcknowledged(s.T(), 1, 1)
	s.Zero(o.Evidence.Events.Max)
	s.Less(o.Evidence.Current, o.Evidence.Limits.High*3/2)
	s.Empty(o.Output, "it is still in madvise")
	s.measured(6, "current %d with memory.high %d bytes, high %d, max %d",
		o.Evidence.Current, o.Evidence.Limits.High, o.Evidence.Events.High, o.Evidence.Events.Max)
}

// untilThrottled waits until the cage is over memory.high.
func untilThrottled(ctx context.Context, p *Process, _ int) error {
	return untilCounted(ctx, p.Cage(), func(e Events) bool { return e.High > 0 })
}

// untilCounted waits until the counters of a cage are as they are expected.
func untilCounted(ctx context.Context, c *Cage, expected func(Events) bool) error {
	changed, stop, err := cgroup.Watch(c.eventsFile())
	if err != nil {
		return err
	}
	defer stop()
	for {
		m, err := c.Memory()
		if err != nil || expected(m.Events) {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for other counters than %s: %w", m.Events, context.Cause(ctx))
		}
	}
}

// taking makes the service take memory of a kind.
func taking(kind string, size Bytes) Step {
	return HTTPPost(fmt.Sprintf("/generate-load/memory?kind=%s&bytes=%d", kind, size))
}
