package harness

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/suite"

	"oomcage/harness/outcome"
)

// ConfinedScenarios are about harnesses that are not root of the whole machine. Each is a process of
// its own, in a cage of this one.
type ConfinedScenarios struct{ scenarios }

func TestScenariosOfConfinement(t *testing.T) { suite.Run(t, new(ConfinedScenarios)) }

const roomForHarness = 256 * MiB // it and a target of 100 MB

// Row 33, a user to whom a cgroup is delegated. The harness is in that itself, and has to make way; the
// cgroup that it moves into stays until the next one finds it empty.
func (s *ConfinedScenarios) TestAUserWithADelegatedCgroupRunsCages() {
	own := NewCageT(s.T(), Limits{Max: roomForHarness})
	delegate(s.T(), own.Path(), "cgroup.procs", "cgroup.threads", "cgroup.subtree_control")
	first := confined(s.T(), own.Path(), asUser(s.T(), nobody), "33554432")
	s.requireOwnKill(first)
	left := cgroupsBelow(s.T(), own.Path())
	s.Require().Len(left, 1)
	s.Contains(left[0], "oomcage-harness-")

	others := s.mkdir(own, "others")
	delegate(s.T(), others, "cgroup.procs", "cgroup.threads", "cgroup.subtree_control")
	s.requireOwnKill(confined(s.T(), others, asUser(s.T(), nobody), "33554432"))
	s.Equal([]string{"others"}, cgroupsBelow(s.T(), own.Path()))
	s.measured(33, "a user with a delegated cgroup: %s", first.Outcome.Verdict)
}

func (s *ConfinedScenarios) requireOwnKill(r report) {
	s.Require().Empty(r.Error)
	r.Outcome.RequireVerdict(s.T(), OOMKilled)
	r.Outcome.RequireOOMKills(s.T(), 1)
	s.False(r.Outcome.Evidence.AncestorsHidden)
}

func (s *ConfinedScenarios) mkdir(c *Cage, name string) string {
	path := filepath.Join(c.Path(), name)
	s.Require().NoError(os.Mkdir(path, 0o755))
	return path
}

// Row 33, a user to whom nothing is delegated, or not enough.
func (s *ConfinedScenarios) TestAUserWithoutADelegatedCgroupIsToldWhatHelps() {
	own := NewCageT(s.T(), Limits{Max: roomForHarness})
	r := confined(s.T(), own.Path(), asUser(s.T(), nobody), "33554432")
	s.True(r.NotSupported)
	s.Contains(r.Error, "this process runs as user 65534 and may not write "+cgroupMount)
	s.Contains(r.Error, "systemd-run --user")

	delegate(s.T(), own.Path(), "cgroup.procs")
	r = confined(s.T(), own.Path(), asUser(s.T(), nobody), "33554432")
	s.True(r.NotSupported)
	s.Contains(r.Error, "user 65534 may not write "+own.Path()+"/cgroup.subtree_control")
	s.Contains(r.Error, "chown")
	s.Empty(cgroupsBelow(s.T(), own.Path()))
	s.measured(33, "a user without one, or who may not write its cgroup.subtree_control: the error that says so")
}

// Row 33, inside a cgroup namespace, where a limit that cannot be seen is hit. The kernel log names it;
// without the log nothing does.
func (s *ConfinedScenarios) TestALimitOutsideTheNamespaceIsNamedByTheKernelLogAlone() {
	outside := NewCageT(s.T(), Limits{Max: 80 * MiB})
	inside := mustChild(s.T(), outside, "container", Limits{})
	awaitPlacesInTheLog(s.T(), 1)
	r := confined(s.T(), inside.Path(), inContainer(), "own-cgroups", "spared", "0")
	s.Require().Empty(r.Error)
	r.Outcome.RequireVerdict(s.T(), AncestorOOMKilled)
	r.Outcome.RequireOOMKills(s.T(), 1)
	s.True(r.Outcome.Evidence.AncestorsHidden)
	for _, a := range r.Outcome.Evidence.Ancestors {
		s.Zero(a.EventsLocal.OOM, "%s", a.Path)
	}
	s.Contains(r.Outcome.Why, "by the limit of "+outside.group.Name()+", not by its own")

	blind := s.mkdir(inside, "blind") // the namespace has controllers below its root by now, and so no processes in it
	r2 := confined(s.T(), blind, inContainer(), "own-cgroups", "own-devices", "spared", "0")
	s.Require().Empty(r2.Error)
	r2.Outcome.RequireVerdict(s.T(), Inconclusive)
	s.True(r2.Outcome.Evidence.AncestorsHidden)
	s.Contains(r2.Outcome.Why, "a cgroup namespace hides those above")
	s.measured(33, "in a cgroup namespace under a limit outside: %s with the kernel log, %s without it", r.Outcome.Verdict, r2.Outcome.Verdict)
}

// Row 33, the root of a container, with another process in it: that is not the harness's to move. When
// it is out of the way, as the error says, all is well.
func (s *ConfinedScenarios) TestAContainersOtherProcessesHaveToMakeWay() {
	container := NewCageT(s.T(), Limits{Max: roomForHarness})
	other, err := container.Start(s.T().Context(), Target{Path: pauseProgram(s.T())})
	s.Require().NoError(err)
	r := confined(s.T(), container.Path(), inContainer(), "own-cgroups", "33554432")
	s.True(r.NotSupported)
	s.Contains(r.Error, cgroupMount+" holds other processes: pause["+strconv.Itoa(other.PID())+"]")
	s.Contains(r.Error, "mkdir /sys/fs/cgroup/others && for p in $(cat /sys/fs/cgroup/cgroup.procs)")
	s.Empty(cgroupsBelow(s.T(), container.Path()))
	s.Equal(outcome.ExitStatus{}, other.Status())

	r = confined(s.T(), container.Path(), inContainer(), "own-cgroups", "make-way", "33554432")
	s.Require().Empty(r.Error)
	r.Outcome.RequireVerdict(s.T(), OOMKilled)
	s.Equal([]string{"others"}, cgroupsBelow(s.T(), container.Path()))
	s.Equal(outcome.ExitStatus{}, other.Status())
	s.measured(33, "a container with another process: the error that names it, and %s when that has made way", r.Outcome.Verdict)
}
