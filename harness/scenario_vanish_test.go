package harness

import (
	"context"
	"io/fs"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/suite"
	"golang.org/x/sys/unix"
)

// VanishScenarios are about cages that somebody else removes: a container engine's or a service
// manager's clean-up, for example.
type VanishScenarios struct{ scenarios }

func TestScenariosOfVanishingCages(t *testing.T) { suite.Run(t, new(VanishScenarios)) }

// remove does what another would do: kill, wait until the cage is empty, rmdir.
func (s *VanishScenarios) remove(c *Cage) {
	s.Require().NoError(c.group.Remove(s.T().Context()))
	s.Require().NoDirExists(c.Path())
}

// requireClosed asserts that Close has no trouble with a cage that is gone, and leaves nothing.
func (s *VanishScenarios) requireClosed(c *Cage) {
	start := time.Now()
	s.Require().NoError(c.Close())
	s.Less(time.Since(start), closeTimeout/2, "there is nothing to wait for")
	requireNothingLeft(s.T())
}

// idle is a target that has said its word, so that it has been executed when the load begins.
func (s *VanishScenarios) idle() Target {
	t := as(s.T(), "idle")
	t.Ready = says("idle")
	return t
}

// Row 28, before the start. No target has run, so there is nothing to judge: it is an error.
func (s *VanishScenarios) TestACageThatIsGoneBeforeTheStartIsAnErrorThatSaysSo() {
	cage := NewCageT(s.T(), Limits{Max: 64 * MiB})
	s.remove(cage)
	start := time.Now()
	o, err := cage.Run(s.T().Context(), Spec{Target: s.idle()})
	s.Nil(o)
	s.Require().ErrorIs(err, fs.ErrNotExist)
	s.Require().ErrorContains(err, "the cage is gone, and the harness has not removed it")
	s.requireClosed(cage)
	s.measured(28, "removed before the start: an error after %d ms", time.Since(start).Milliseconds())
}

// Row 28, while loading.
func (s *VanishScenarios) TestACageThatIsRemovedUnderTheLoadIsInconclusive() {
	start := time.Now()
	o := RunT(s.T(), Spec{Target: s.idle(), Limits: Limits{Max: 64 * MiB}, Load: Load{Count: 2, Step: func(ctx context.Context, p *Process, _ int) error {
		s.remove(p.Cage())
		_, err := p.Wait(ctx)
		return err
	}}})
	o.RequireVerdict(s.T(), Inconclusive)
	o.RequireAcknowledged(s.T(), 1, 1)
	s.Equal("SIGKILL", o.Evidence.Status.Signal, "which proves nothing")
	s.Contains(o.Why, "the cage is gone, and the harness has not removed it")
	requireNothingLeft(s.T())
	s.measured(28, "removed while loading: %s after %d ms", o.Verdict, time.Since(start).Milliseconds())
}

// Row 28, while loading, by one who saves what was inside: it is in no cage then, and still the
// harness's to end.
func (s *VanishScenarios) TestATargetThatWasMovedOutOfItsCageDoesNotOutliveTheRun() {
	var pid int
	o := RunT(s.T(), Spec{Target: s.idle(), Load: Load{Count: 1, Step: func(_ context.Context, p *Process, _ int) error {
		pid = p.PID()
		outside, err := os.ReadFile("/proc/self/cgroup")
		s.Require().NoError(err)
		s.Require().NoError(os.WriteFile(cgroupDir(string(outside))+"/cgroup.procs", []byte(strconv.Itoa(pid)), 0))
		return unix.Rmdir(p.Cage().Path())
	}}})
	o.RequireVerdict(s.T(), Inconclusive)
	o.RequireAcknowledged(s.T(), 1, 1)
	s.False(o.Evidence.Status.Ended)
	requireGone(s.T(), pid)
	requireNothingLeft(s.T())
	s.measured(28, "moved out of it, and it removed, while loading: %s, and the target is ended", o.Verdict)
}

// Row 28, between the evidence and the end: what was seen stays true.
func (s *VanishScenarios) TestACageThatIsRemovedBeforeItIsClosedKeepsItsVerdict() {
	cage := NewCageT(s.T(), Limits{Max: 64 * MiB})
	o, p, err := cage.observe(s.T().Context(), Spec{Target: s.idle(), Load: Load{Count: 1, Step: func(context.Context, *Process, int) error { return nil }}}, time.Now())
	s.Require().NoError(err)
	s.remove(cage)
	s.Require().NoError(p.end(s.T().Context()))
	s.requireClosed(cage)
	requireGone(s.T(), p.PID())
	o.RequireVerdict(s.T(), Survived)
	s.measured(28, "removed before it is closed: %s", o.Verdict)
}
