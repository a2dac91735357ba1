package harness

import (
	"context"
	"syscall"
	"testing"

	"github.com/stretchr/testify/suite"
)

// OtherEndScenarios are about ends that look like an OOM kill of the target and are none.
type OtherEndScenarios struct{ scenarios }

func TestScenariosOfOtherEnds(t *testing.T) { suite.Run(t, new(OtherEndScenarios)) }

// Row 14. The kernel chooses the largest process, which is the child. The service's answer that it
// lost it is the proof that the service lives.
func (s *OtherEndScenarios) TestAServiceWhoseChildIsKilledLivesOn() {
	awaitPlacesInTheLog(s.T(), 1)
	o := RunT(s.T(), Spec{
		Target: s.service(), Limits: Limits{Max: 64 * MiB},
		Load: Load{Step: HTTPPost("/generate-load/memory?kind=child&bytes=100000000"), Count: 1},
	})
	o.RequireVerdict(s.T(), ChildOOMKilled)
	o.RequireOOMKills(s.T(), 1)
	s.Contains(o.Error, "500 Internal Server Error")
	s.Contains(o.Error, "the child that took it ended: signal: killed")
	s.False(o.Evidence.Status.Ended)
	s.Positive(o.Evidence.EventsLocal.OOM)
	s.measured(14, "%s; %s; the service: %s", o.Verdict, o.Evidence.Events, o.Evidence.Status)
	s.NotEqual(o.Evidence.PID, requireOneKill(s.T(), o).PID)
}

// Row 15. The service is near its limit: only the counters tell this SIGKILL from the OOM killer's
// (hashicorp/nomad#13119).
func (s *OtherEndScenarios) TestASIGKILLFromOutsideIsNoOOMKill() {
	push := HTTPPost("/generate-load/memory")
	var held Bytes
	o := RunT(s.T(), Spec{
		Target: s.service(), Limits: Limits{Max: twoSteps},
		Load: Load{Bytes: 20 * MiB, Step: func(ctx context.Context, p *Process, n int) error {
			if n <= 2 {
				return push(ctx, p, n)
			}
			m, err := p.Cage().Memory()
			if err != nil {
				return err
			}
			held = m.Current
			if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
				return err
			}
			_, err = p.Wait(ctx)
			return err
		}},
	})
	o.RequireVerdict(s.T(), Killed)
	o.RequireAcknowledged(s.T(), 3, 3)
	o.RequireOOMKills(s.T(), 0)
	s.Greater(held, 40*MiB, "it holds both steps")
	s.Equal("SIGKILL", o.Evidence.Status.Signal)
	s.False(o.Evidence.HarnessKilled)
	s.Contains(o.Why, "no kernel OOM killer had a part in it")
	s.measured(15, "%s by %s at %d of %d bytes; events %s", o.Verdict, o.Evidence.Status, held, o.Evidence.Limits.Max, o.Evidence.Events)
}

// Row 16. 137 is 128 and SIGKILL to a shell, and any number to the kernel (moby/moby#41929).
func (s *OtherEndScenarios) TestAnExitCodeOf137IsAnExitCode() {
	o := RunT(s.T(), Spec{Target: as(s.T(), "exit", "137"), Limits: Limits{Max: 256 * MiB}})
	o.RequireVerdict(s.T(), Exited)
	o.RequireOOMKills(s.T(), 0)
	s.Equal(137, o.Evidence.Status.Code)
	s.Empty(o.Evidence.Status.Signal)
	s.Equal("leaving with 137\n", o.Output)
	s.Equal(s.T().Name(), o.Name)
	requireNothingLeft(s.T())
	s.measured(16, "%s: %s; events %s", o.Verdict, o.Evidence.Status, o.Evidence.Events)
}

// Row 17. A kill that was counted earlier is not what a SIGTERM does later: neither in the same run,
// nor in the next one of a cage whose counters go on (kubernetes/kubernetes#140718: OOMKilled, with
// exit code 143).
func (s *OtherEndScenarios) TestASIGTERMAfterAChildsOOMKillIsNoOOMKill() {
	cage := NewCageT(s.T(), Limits{Max: 64 * MiB})
	terminate := Load{Count: 1, Step: func(ctx context.Context, p *Process, _ int) error {
		if err := p.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		_, err := p.Wait(ctx)
		return err
	}}
	bereft := as(s.T(), "child", "100000000")
	bereft.Ready = says("child: signal: killed")
	first := mustRun(s.T(), cage, Spec{Target: bereft, Load: terminate})
	first.RequireVerdict(s.T(), ChildOOMKilled)
	first.RequireOOMKills(s.T(), 1)
	s.Equal("SIGTERM", first.Evidence.Status.Signal)
	s.Contains(first.Why, "the target ended with SIGTERM")

	childless := as(s.T(), "eat", "4096")
	childless.Ready = says("ate")
	next := mustRun(s.T(), cage, Spec{Target: childless, Load: terminate})
	next.RequireVerdict(s.T(), Killed)
	next.RequireOOMKills(s.T(), 0)
	s.Equal("SIGTERM", next.Evidence.Status.Signal)
	m, err := cage.Memory()
	s.Require().NoError(err)
	s.EqualValues(1, m.Events.OOMKill, "the cage still counts the first")
	s.measured(17, "%s, ended by %s, oom_kill %d; then %s by %s, oom_kill %d of the cage's %d", first.Verdict, first.Evidence.Status,
		first.Evidence.Events.OOMKill, next.Verdict, next.Evidence.Status, next.Evidence.Events.OOMKill, m.Events.OOMKill)
}
