package harness

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/kmsg"
	"oomcage/harness/outcome"
)

// mustChild makes a child that its parent's Close removes.
func mustChild(t *testing.T, parent *Cage, name string, l Limits) *Cage {
	t.Helper()
	child, err := parent.Child(name, l)
	require.NoError(t, err)
	return child
}

func mustRun(t *testing.T, c *Cage, s Spec) *Outcome {
	t.Helper()
	o, err := c.Run(t.Context(), s)
	require.NoError(t, err)
	return o
}

func cgroupOf(t *testing.T, p *Process) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", p.PID()))
	require.NoError(t, err)
	return cgroupDir(string(b))
}

// cgroupDir is the directory of the cgroup that a /proc/PID/cgroup names.
func cgroupDir(membership string) string {
	return "/sys/fs/cgroup" + strings.TrimSpace(strings.TrimPrefix(membership, "0::"))
}

func TestTargetsOfACageWithChildrenGoIntoALeaf(t *testing.T) {
	parent := NewCageT(t, Limits{Max: 256 * MiB})
	child := mustChild(t, parent, "db", Limits{Max: 64 * MiB})
	require.Equal(t, filepath.Join(parent.Path(), "db"), child.Path())
	require.Equal(t, 64*MiB, child.Limits().Max)
	require.NotEqual(t, parent.Addr(), child.Addr())

	below, err := child.Start(t.Context(), as(t, "idle"))
	require.NoError(t, err)
	own, err := parent.Start(t.Context(), as(t, "idle"))
	require.NoError(t, err)
	require.Equal(t, child.Path(), cgroupOf(t, below))
	require.Equal(t, filepath.Join(parent.Path(), leafName), cgroupOf(t, own))

	grandchild, err := child.Child("deeper", Limits{})
	require.Nil(t, grandchild)
	require.ErrorIs(t, err, syscall.EBUSY)
	require.ErrorContains(t, err, fmt.Sprintf("[%d]", below.PID()), "it says who is in the way")
	require.ErrorContains(t, err, "before starting targets")

	require.NoError(t, parent.Close())
	require.NoError(t, child.Close(), "closed with its parent")
	requireGone(t, below.PID())
	requireGone(t, own.PID())
	requireNothingLeft(t)
	_, err = parent.Child("late", Limits{})
	require.ErrorContains(t, err, "is closed")
}

func TestAClosedChildLeavesItsParentAlone(t *testing.T) {
	parent := NewCageT(t, Limits{})
	child := mustChild(t, parent, "a", Limits{})
	_, err := parent.Child("a", Limits{})
	require.ErrorIs(t, err, os.ErrExist)
	require.NoError(t, child.Close())
	mustChild(t, parent, "a", Limits{})
	require.DirExists(t, parent.Path())
}

func TestAChildsNameIsAPlainDirectorys(t *testing.T) {
	parent := NewCageT(t, Limits{})
	for name, want := range map[string]string{
		"": "no name", "a/b": "no plain directory", "..": "no plain directory", "memory.max": "no plain directory", leafName: "harness itself uses",
	} {
		_, err := parent.Child(name, Limits{})
		require.ErrorContains(t, err, want)
	}
	_, err := parent.Child("x", Limits{Max: 100})
	require.ErrorContains(t, err, "was a unit forgotten")
}

func TestAKillInTheLeafIsTheCagesOwn(t *testing.T) {
	parent := NewCageT(t, Limits{Max: 50 * MiB})
	child := mustChild(t, parent, "small", Limits{})
	bystander, err := child.Start(t.Context(), as(t, "idle"))
	require.NoError(t, err)
	spare := startSpare(t, child)
	target := as(t, "eat", "100000000")
	target.OOMScoreAdj = ptr(outcome.OOMScoreAdjMax)
	o := mustRun(t, parent, Spec{Target: target})
	o.RequireVerdict(t, OOMKilled)
	o.RequireOOMKills(t, killsWith(t, spare, o.Evidence.Events.OOMKill))
	require.False(t, bystander.Status().Ended)
}

func TestASpecForACageHasNoLimitsOfItsOwn(t *testing.T) {
	cage := NewCageT(t, Limits{Max: 50 * MiB})
	_, err := cage.Run(t.Context(), Spec{Target: as(t, "idle"), Limits: Limits{Max: MiB}})
	require.ErrorContains(t, err, "leave Spec.Limits empty")
}

func TestARunInACageEndsItsOwnTargetsAndNoOthers(t *testing.T) {
	cage := NewCageT(t, Limits{Max: 512 * MiB})
	neighbour, err := cage.Start(t.Context(), as(t, "idle"))
	require.NoError(t, err)
	family := as(t, "children", "3")
	family.Ready = says("started")
	o := mustRun(t, cage, Spec{Target: family, Load: Load{Step: func(context.Context, *Process, int) error { return nil }, Count: 1}})
	o.RequireVerdict(t, Survived)
	pids, err := cage.group.Procs()
	require.NoError(t, err)
	require.Equal(t, []uint64{uint64(neighbour.PID())}, pids)
	require.False(t, neighbour.Status().Ended)
}

func TestATargetDoesNotInheritTheHarnesssOOMScore(t *testing.T) {
	requireCages(t)
	own, err := readOOMScore("/proc/self/oom_score_adj")
	require.NoError(t, err)
	// Below what an ordinary user was started with, as a user's systemd starts its services with 200, it can have none.
	usual := 0
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("0"), 0); err != nil {
		require.ErrorIs(t, err, fs.ErrPermission)
		usual = 499
	}
	mustWrite(t, "/proc/self/oom_score_adj", "499")
	defer mustWrite(t, "/proc/self/oom_score_adj", fmt.Sprint(own))
	cage := NewCageT(t, Limits{})
	for want, asked := range map[int]*int{usual: nil, -1000: ptr(-1000), 500: ptr(500), 1000: ptr(1000)} {
		target := as(t, "idle")
		target.OOMScoreAdj = asked
		p, err := cage.Start(t.Context(), target)
		if want < 0 && os.Geteuid() != 0 {
			require.ErrorContains(t, err, "takes CAP_SYS_RESOURCE; run as root")
			continue
		}
		require.NoError(t, err)
		got, err := readOOMScore(fmt.Sprintf("/proc/%d/oom_score_adj", p.PID()))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, score := range []int{-1001, 1001} {
		_, err := cage.Run(t.Context(), Spec{Target: Target{Path: "x", OOMScoreAdj: &score}})
		require.ErrorContains(t, err, "from -1000 to 1000")
	}
}

func ptr[T any](v T) *T { return &v }

func TestASIGKILLThroughTheHarnessIsSaidToBeItsOwn(t *testing.T) {
	o := RunT(t, Spec{Target: as(t, "idle"), Load: Load{Step: func(ctx context.Context, p *Process, _ int) error {
		if err := p.Signal(syscall.SIGKILL); err != nil {
			return err
		}
		_, err := p.Wait(ctx)
		return err
	}}})
	o.RequireVerdict(t, Killed)
	require.True(t, o.Evidence.HarnessKilled)
	require.Contains(t, o.Why, "through the harness")
}

// A child's OOM kill and a SIGKILL from elsewhere look alike to the counters; the log tells.
func TestASIGKILLAfterAChildsOOMKillIsNoOOMKill(t *testing.T) {
	target := as(t, "child", "100000000")
	target.Ready = says("child: signal: killed")
	awaitPlacesInTheLog(t, 1)
	o := RunT(t, Spec{Target: target, Limits: Limits{Max: 64 * MiB}, Load: Load{Step: func(ctx context.Context, p *Process, _ int) error {
		if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
			return err
		}
		_, err := p.Wait(ctx)
		return err
	}}})
	if log, err := kmsg.Open(); err != nil { // closed to ordinary users where kernel.dmesg_restrict is 1
		require.ErrorIs(t, err, fs.ErrPermission)
		o.RequireVerdict(t, OOMKilled)
		return
	} else {
		require.NoError(t, log.Close())
	}
	o.RequireVerdict(t, ChildOOMKilled)
	require.Contains(t, o.Why, "another SIGKILL")
	require.NotEqual(t, o.Evidence.PID, o.Evidence.Kills[0].PID)
}
