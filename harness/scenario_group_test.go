package harness

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/suite"

	"oomcage/harness/outcome"
)

// GroupScenarios are about memory.oom.group. Their figures are those of the kernel's selftests,
// tools/testing/selftests/cgroup/test_memcontrol.c.
type GroupScenarios struct{ scenarios }

func TestScenariosOfTheOOMGroup(t *testing.T) { suite.Run(t, new(GroupScenarios)) }

// Row 8. The process outside holds more than the whole cage may, and would be chosen first if it
// were looked at.
func (s *GroupScenarios) TestAGroupKillTakesTheCageAndNothingOutside() {
	parent := NewCageT(s.T(), Limits{})
	cage := mustChild(s.T(), parent, "group", Limits{Max: 50 * MiB, OOMGroup: true})
	outside := s.started(parent, s.service())
	s.takes(outside, 60*MiB)
	first, second := s.started(cage, s.holding(MiB)), s.started(cage, s.holding(MiB))

	o := mustRun(s.T(), cage, Spec{Target: s.holding(100 * MiB)})
	o.RequireVerdict(s.T(), OOMGroupKilled)
	s.EqualValues(1, o.Evidence.EventsLocal.OOMGroupKill)
	s.requireCount(3, o.Evidence.EventsLocal)
	s.requireKilled(first, second)
	s.requireAnswers(outside)
	s.measured(8, "all three died, one outside lives; %s", o.Evidence.Events)
}

// Row 9. The selftest's process in the parent takes 60M. Each of these three is a Go program, with
// some 5 MB of its own, and that met the limit before the fourth came (in 1 of 4 runs on 6.1).
func (s *GroupScenarios) TestAGroupKillByTheParentsLimitTakesParentAndChild() {
	parent := NewCageT(s.T(), Limits{Max: 80 * MiB, OOMGroup: true})
	child := mustChild(s.T(), parent, "child", Limits{})
	own := s.started(parent, s.holding(40*MiB))
	first, second := s.started(child, s.holding(MiB)), s.started(child, s.holding(MiB))

	o := mustRun(s.T(), child, Spec{Target: s.holding(100 * MiB)})
	o.RequireVerdict(s.T(), AncestorOOMKilled)
	s.Contains(o.Why, fmt.Sprintf("limit of %s (memory.max 80.0 MiB), not by its own, together with all below it", parent.group.Name()))
	s.Zero(o.Evidence.EventsLocal.OOM)
	s.requireCount(3, o.Evidence.EventsLocal)
	s.requireKilled(own, first, second)
	above, err := parent.Memory()
	s.Require().NoError(err)
	s.EqualValues(1, above.EventsLocal.OOMGroupKill)
	s.requireCount(4, above.Events)
	s.measured(9, "all four died; parent: %s; child: %s", above.Events, o.Evidence.Events)
}

// Row 10.
func (s *GroupScenarios) TestAGroupKillSparesAProcessThatMayNotBeKilled() {
	requireRoot(s.T())
	cage := NewCageT(s.T(), Limits{Max: 50 * MiB, OOMGroup: true})
	service := s.service()
	service.OOMScoreAdj = ptr(outcome.OOMScoreAdjMin)
	spared := s.started(cage, service)
	s.takes(spared, MiB)
	other := s.started(cage, s.holding(MiB))

	o := mustRun(s.T(), cage, Spec{Target: s.holding(100 * MiB)})
	o.RequireVerdict(s.T(), OOMGroupKilled)
	s.requireCount(2, o.Evidence.EventsLocal)
	s.requireKilled(other)
	s.requireAnswers(spared)
	s.measured(10, "two died, the one at %d lives; %s", outcome.OOMScoreAdjMin, o.Evidence.Events)
}

// holding is a target that takes memory and keeps it.
func (s *GroupScenarios) holding(size Bytes) Target {
	target := as(s.T(), "eat", fmt.Sprint(int64(size)))
	target.Ready = says("ate")
	return target
}

// started starts a target and waits until it is ready.
func (s *GroupScenarios) started(c *Cage, t Target) *Process {
	p, err := c.Start(s.T().Context(), t)
	s.Require().NoError(err)
	s.Require().NoError(awaitReady(s.T().Context(), t, p))
	return p
}

func (s *GroupScenarios) takes(p *Process, size Bytes) {
	s.Require().NoError(taking("anon", size)(s.T().Context(), p, 1))
}

// requireCount asserts that oom_kill fits with so many dead processes. It may be more than twice as
// much. The kernel kills the first victim, then all that it finds in the group, of which the first
// is one while it dies (mm/oom_kill.c: oom_kill_process). And it finds a process again when the main
// thread has ended meanwhile and others have not (css_task_iter_advance). The selftest, whose
// processes have a single thread, counts exactly one too many.
func (s *GroupScenarios) requireCount(processes uint64, e Events) {
	s.GreaterOrEqual(e.OOMKill, processes)
	s.LessOrEqual(e.OOMKill, 2*processes+1)
}

// requireKilled asserts that processes end by SIGKILL, which nobody but the kernel has sent.
func (s *GroupScenarios) requireKilled(killed ...*Process) {
	ctx, cancel := context.WithTimeout(s.T().Context(), closeTimeout)
	defer cancel()
	for _, p := range killed {
		status, err := p.Wait(ctx)
		s.Require().NoError(err)
		s.Equal("SIGKILL", status.Signal)
	}
}

// requireAnswers asserts that the service is alive: one that was killed may take a while to end.
func (s *GroupScenarios) requireAnswers(p *Process) {
	s.Require().NoError(HTTPGet("/ping")(s.T().Context(), p, 1))
}
