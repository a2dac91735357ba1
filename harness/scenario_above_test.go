package harness

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"github.com/stretchr/testify/suite"
	"golang.org/x/sys/unix"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/sys"
	"oomcage/harness/outcome"
)

// AboveScenarios are about limits that lie above the cage, up to the machine's RAM.
type AboveScenarios struct{ scenarios }

func TestScenariosOfLimitsAbove(t *testing.T) { suite.Run(t, new(AboveScenarios)) }

// Row 11. The child has no limit, so none but its parent's can be hit. The kernel counts oom at the
// cgroup whose limit it was and oom_kill at the victim's. The child's own peak is no figure here: it
// may lie a huge page above the parent's limit, since the kernel charges from below and takes back
// what a cgroup above refuses (page_counter_try_charge in mm/page_counter.c).
func (s *AboveScenarios) TestAKillByTheParentsLimitIsNotTheChilds() {
	parent := NewCageT(s.T(), Limits{Max: 50 * MiB})
	child := mustChild(s.T(), parent, "unlimited", Limits{})
	o := mustRun(s.T(), child, Spec{Target: as(s.T(), "eat", "100000000")})
	o.RequireVerdict(s.T(), AncestorOOMKilled)
	o.RequireOOMKills(s.T(), 1)
	s.Zero(o.Evidence.EventsLocal.OOM)
	s.EqualValues(1, o.Evidence.EventsLocal.OOMKill)
	above := o.Evidence.Ancestors[0]
	s.Equal(parent.group.Name(), above.Path)
	s.Positive(above.EventsLocal.OOM)
	s.Zero(above.EventsLocal.OOMKill)
	s.Contains(o.Why, fmt.Sprintf("limit of %s (memory.max 50.0 MiB)", parent.group.Name()))
	m, err := parent.Memory()
	s.Require().NoError(err)
	s.InDelta(int64(above.Max), int64(m.Peak), overshoot)
	s.measured(11, "%s; the child's own: %s; the parent's own: %s; the parent's peak %d of %d bytes",
		o.Verdict, o.Evidence.EventsLocal, above.EventsLocal, m.Peak, above.Max)
	s.Contains(o.Why, fmt.Sprintf("; victim %s[%d]", requireOneKill(s.T(), o).Name, o.Evidence.PID))
}

// Row 12. The child has a limit too, which the parent's keeps it from: it takes as many steps as the
// parent's allows, fewer than its own would.
func (s *AboveScenarios) TestTheLimitNamedIsTheParentsAndTheKillTheChilds() {
	requireKernelLog(s.T())
	parent := NewCageT(s.T(), Limits{Max: 64 * MiB})
	child := mustChild(s.T(), parent, "larger", Limits{Max: 128 * MiB})
	awaitPlacesInTheLog(s.T(), 1)
	o := mustRun(s.T(), child, Spec{
		Target: s.service(), Load: Load{Step: HTTPPost("/generate-load/memory"), Bytes: 20 * MiB},
	})
	o.RequireVerdict(s.T(), AncestorOOMKilled)
	o.RequireOOMKills(s.T(), 1)
	below := outcome.Predict(o.Baseline, parent.Limits(), 20*MiB)
	o.RequireAcknowledged(s.T(), below.Lo, below.Hi)
	o.RequirePredicted(s.T())
	alone := o.Baseline
	alone.Room, alone.RoomCache = 0, 0
	its := outcome.Predict(alone, child.Limits(), 20*MiB)
	s.Less(o.Acknowledged, its.Lo, "its own limit would have let it go on")
	s.Zero(o.Evidence.EventsLocal.Max, "its own limit was never met")
	s.EqualValues(1, o.Evidence.EventsLocal.OOMKill)
	kill := requireOneKill(s.T(), o)
	s.Equal(parent.group.Name(), kill.Limit)
	s.Equal(child.group.Name(), kill.Group)

	m, err := parent.Memory()
	s.Require().NoError(err)
	s.EqualValues(1, m.Events.OOMKill, "counted upwards")
	s.Zero(m.EventsLocal.OOMKill, "but not as the parent's own")
	s.InDelta(int64(parent.Limits().Max), int64(m.Peak), overshoot)
	s.measured(12, "%d acknowledged, %s predicted of the parent's limit and %s of its own; the child's own: %s; the parent's own: %s",
		o.Acknowledged, below, its, o.Evidence.EventsLocal, m.EventsLocal)
}

// startSpare starts a process that is killed next after a target whose OOMScoreAdj is the highest. The kernel may kill a second one:
// whoever has found no memory just before the first victim gave back its own looks for a victim just after it, and passes over the
// dead (oom_evaluate_task in mm/oom_kill.c; seen on 6.12 and 7.3, 2026-11).
func startSpare(t *testing.T, c *Cage) *Process {
	t.Helper()
	spare := as(t, "idle")
	spare.OOMScoreAdj = ptr(outcome.OOMScoreAdjMax * 9 / 10)
	p, err := c.Start(t.Context(), spare)
	require.NoError(t, err)
	return p
}

// killsWith is how many kills there are where one was meant. If more were counted, the second is the spare's.
func killsWith(t *testing.T, spare *Process, counted uint64) int {
	t.Helper()
	if counted <= 1 {
		return 1
	}
	status, err := spare.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, "SIGKILL", status.Signal)
	return 2
}

// awaitPlacesInTheLog waits until the kernel will say of so many kills where they were. It says so of 10 in 5
// seconds and of no more, whoever makes them (DEFAULT_RATELIMIT_BURST and _INTERVAL in
// include/linux/ratelimit_types.h), which the tests before this one may have used up.
func awaitPlacesInTheLog(t *testing.T, kills int) {
	t.Helper()
	const most, interval = 10, 5 * time.Second
	before := most - kills + 1 // so many in the last seconds are too many
	log := make([]byte, 1<<20)
	n, err := unix.Klogctl(unix.SYSLOG_ACTION_READ_ALL, log)
	if errors.Is(err, unix.EPERM) {
		return // nor will the test read what it says
	}
	require.NoError(t, err)
	said := regexp.MustCompile(`(?m)^<\d+>\[ *([0-9.]+)\](?:\[[^]]*\])? oom-kill:constraint=`).FindAllSubmatch(log[:n], -1)
	if len(said) < before {
		return
	}
	seconds, err := strconv.ParseFloat(string(said[len(said)-before][1]), 64)
	require.NoError(t, err)
	var now unix.Timespec
	require.NoError(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &now))
	// Nobody tells when it is over. The log's clock is not quite this one where time is kept by a network.
	time.Sleep(min(interval, time.Duration(seconds*1e9)+interval-time.Duration(now.Nano())))
}

// Row 13. The guard over all cages stops them at three quarters of what was available when it was
// made. As much is taken from the machine before the target begins: a third of that is left to the
// cages, and the machine runs out before the guard does. The target wants the guard's limit in full,
// so that it would be killed by that if the machine had the room.
func (s *AboveScenarios) TestTheMachineRunsOutOfMemory() {
	if os.Getenv("OOMCAGE_VM") == "" {
		s.T().Skip("only the microVM may run out of memory: go test -exec 'go tool oomcage vm -build ./app'")
	}
	s.turnSwapOff()
	cage := NewCageT(s.T(), Limits{})
	neighbour, err := NewCageT(s.T(), Limits{}).Start(s.T().Context(), as(s.T(), "idle"))
	s.Require().NoError(err)
	spare := startSpare(s.T(), NewCageT(s.T(), Limits{}))
	up := cage.group.Ancestors()
	guard, err := up[len(up)-1].ReadSize("memory.max")
	s.Require().NoError(err)
	s.occupy(Bytes(guard))
	awaitPlacesInTheLog(s.T(), 1)
	before := s.killsOfTheMachine()

	target := as(s.T(), "eat", strconv.FormatInt(guard, 10))
	target.OOMScoreAdj = ptr(outcome.OOMScoreAdjMax)
	o := mustRun(s.T(), cage, Spec{Target: target})

	o.RequireVerdict(s.T(), HostOOMKilled)
	o.RequireOOMKills(s.T(), 1)
	s.Zero(o.Evidence.EventsLocal.OOM)
	for _, a := range o.Evidence.Ancestors {
		s.Zero(a.EventsLocal.OOM, a.Path)
	}
	s.Require().Len(o.Evidence.Kills, 1)
	s.Equal(o.Evidence.PID, o.Evidence.Kills[0].PID)
	s.True(o.Evidence.Kills[0].Global)
	s.Empty(o.Evidence.Kills[0].Limit)
	report := o.Evidence.Kills[0].Report
	s.Require().NotNil(report)
	s.Nil(report.Memory, "it is no cgroup's")
	s.Empty(report.Stat)
	s.Equal(o.Evidence.PID, requireTask(s.T(), report, o.Evidence.PID).PID)
	requireTask(s.T(), report, neighbour.PID())
	expected := killsWith(s.T(), spare, s.killsOfTheMachine()-before)
	s.EqualValues(expected, s.killsOfTheMachine()-before, "all other processes live")
	s.False(neighbour.Status().Ended)
	s.measured(13, "%s at %d bytes, of the guard's %d; the cage's own: %s; %s on the whole machine",
		o.Verdict, o.Peak, guard, o.Evidence.EventsLocal, human.Count(expected, "kill"))
}

// turnSwapOff turns the machine's swap off until the test ends. The kernel would fill it before it
// kills, with the test's own text too, which took 20 s under emulation and made the tests after this
// one wait for the disk (2026-11).
func (s *AboveScenarios) turnSwapOff() {
	table, err := os.ReadFile("/proc/swaps")
	s.Require().NoError(err)
	for _, line := range strings.Split(strings.TrimSpace(string(table)), "\n")[1:] { // behind its heading
		device, err := unix.BytePtrFromString(strings.Fields(line)[0])
		s.Require().NoError(err)
		call := func(number uintptr) {
			_, _, errno := unix.Syscall(number, uintptr(unsafe.Pointer(device)), 0, 0)
			s.Zero(errno, "%s: %v", line, errno)
		}
		call(unix.SYS_SWAPOFF)
		s.T().Cleanup(func() { call(unix.SYS_SWAPON) })
	}
}

// occupy takes n bytes from the machine until the test ends, by whole huge pages for their pool. They
// belong to no process and no cgroup, swap is not for them, and nobody touches them, which for a
// process that holds memory takes longer than the rest of the test
// (Documentation/admin-guide/mm/hugetlbpage.rst).
func (s *AboveScenarios) occupy(n Bytes) {
	const pool, size = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", 2 * MiB
	pages := strconv.FormatInt(int64(n/size), 10)
	s.T().Cleanup(func() { mustWrite(s.T(), pool, "0") })
	s.Require().NoError(sys.WithoutSignals(func() error { return os.WriteFile(pool, []byte(pages), 0) }))
	got, err := os.ReadFile(pool)
	s.Require().NoError(err)
	s.Require().Equal(pages, strings.TrimSpace(string(got)), "the kernel takes fewer where memory is too fragmented")
}

// killsOfTheMachine is the kernel's count of kills by any OOM killer.
func (s *AboveScenarios) killsOfTheMachine() uint64 {
	b, err := os.ReadFile("/proc/vmstat")
	s.Require().NoError(err)
	_, rest, found := strings.Cut(string(b), "\noom_kill ")
	s.Require().True(found, "it is there from Linux 4.13 on")
	count, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseUint(count, 10, 64)
	s.Require().NoError(err)
	return n
}
