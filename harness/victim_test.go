package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
)

// These lies are told by the kernel log, or about it.

// killedTogether is how many processes a killMany kills.
const killedTogether = 11

// killMany prepares kills in a cage of their own, which all happen when it is called. The victims are
// stopped as soon as they have been executed, so that they cost no time.
func killMany(t *testing.T) (others *Cage, kill func() error) {
	t.Helper()
	others = NewCageT(t, Limits{})
	for range killedTogether {
		p, err := others.Start(t.Context(), as(t, "idle"))
		require.NoError(t, err)
		require.NoError(t, p.Signal(syscall.SIGSTOP))
	}
	return others, func() error { return squeeze(t.Context(), others, killedTogether) }
}

// squeeze has the kernel kill n processes of a cage at once. A memory.max below what is used is
// enforced by its writer, kill by kill, until a signal is pending for that (memory_max_write in
// mm/memcontrol.c). The end of a victim sends one, SIGCHLD; then it is written again.
func squeeze(ctx context.Context, c *Cage, n uint64) error {
	for ctx.Err() == nil {
		if err := c.group.Write("memory.max", "0"); err != nil {
			return err
		}
		if m, err := c.Memory(); err != nil || m.Events.OOMKill >= n {
			return err
		}
	}
	return context.Cause(ctx)
}

// afterManyKills runs a test in which a process is killed right after a killMany. The kernel says
// of 10 kills in 5 seconds in which cgroup they were (oom_kill_process in mm/oom_kill.c), so that it
// does not for that one, unless the 5 began with a kill of an earlier test, and were over in
// between; then the lie was not staged, and is again.
func afterManyKills(t *testing.T, run func(kill func() error) (staged bool)) {
	t.Helper()
	const most = 5
	for range most {
		if _, kill := killMany(t); run(kill) {
			return
		}
	}
	t.Fatalf("the kernel said %d times where a kill was: this machine takes more than 5 seconds for %d", most, killedTogether+1)
}

// The log tells of many kills, and not where that of the target's neighbour was. It names each
// victim, and the target is not among them: it is at -1000, so that the lowered limit spares it.
func TestALogFullOfOtherPeoplesKillsSparesATargetThatItDoesNotName(t *testing.T) {
	requireKernelLog(t)
	afterManyKills(t, func(kill func() error) bool {
		cage := NewCageT(t, Limits{Max: 50 * MiB})
		neighbour, err := cage.Start(t.Context(), as(t, "idle"))
		require.NoError(t, err)
		target := saying(t, "idle", "idle")
		shield(t, &target)
		o := mustRun(t, cage, Spec{Target: target, Load: Load{Step: func(ctx context.Context, p *Process, n int) error {
			if err := errors.Join(kill(), squeeze(ctx, cage, 1)); err != nil {
				return err
			}
			_, err := neighbour.Wait(ctx)
			return errors.Join(err, killedFromOutside(ctx, p, n))
		}}})
		o.RequireVerdict(t, ChildOOMKilled)
		o.RequireOOMKills(t, 1)
		require.Contains(t, o.Why, "another SIGKILL")
		return len(o.Evidence.Kills) == 0 && o.Evidence.UnplacedKills > 0
	})
}

func TestALogFullOfOtherPeoplesKillsHidesNone(t *testing.T) {
	requireKernelLog(t)
	afterManyKills(t, func(kill func() error) bool {
		o := RunT(t, Spec{Target: saying(t, "idle", "idle"), Limits: Limits{Max: 50 * MiB}, Load: Load{Step: func(ctx context.Context, p *Process, _ int) error {
			if err := errors.Join(kill(), squeeze(ctx, p.Cage(), 1)); err != nil {
				return err
			}
			_, err := p.Wait(ctx)
			return err
		}}})
		o.RequireVerdict(t, OOMKilled)
		require.Len(t, o.Evidence.Kills, 1)
		require.Equal(t, o.Evidence.PID, o.Evidence.Kills[0].PID)
		return o.Evidence.Kills[0].Group == ""
	})
}

func TestOtherPeoplesKillsAreNotTheTargets(t *testing.T) {
	others := NewCageT(t, Limits{Max: 512 * KiB})
	killOther := func() error {
		p, err := others.Start(t.Context(), as(t, "idle"))
		if err != nil {
			return err
		}
		_, err = p.Wait(t.Context())
		return err
	}
	leave := func(ctx context.Context, p *Process, _ int) error {
		if err := errors.Join(killOther(), p.Signal(syscall.SIGTERM)); err != nil {
			return err
		}
		_, err := p.Wait(ctx)
		return err
	}
	for want, s := range map[Verdict]Spec{
		Exited: {Target: saying(t, "at your service", "graceful", "137", "4096"), Load: Load{Step: leave}},
		Killed: {Target: saying(t, "idle", "idle"), Load: Load{Step: func(ctx context.Context, p *Process, n int) error {
			return errors.Join(killOther(), killedFromOutside(ctx, p, n), killOther())
		}}},
	} {
		s.Limits = Limits{Max: 50 * MiB}
		RunT(t, s).RequireVerdict(t, want)
	}
	m, err := others.Memory()
	require.NoError(t, err)
	require.EqualValues(t, 3, m.Events.OOMKill, "the lie was staged")
}

// mustLog writes a line to the kernel log, as any root may. Each opening has a rate limit of its
// own (devkmsg_open in kernel/printk/printk.c).
func mustLog(t *testing.T, line string) {
	t.Helper()
	requireRoot(t)
	f, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(line + "\n") // without it, readers see it with the next one
	require.NoError(t, errors.Join(err, f.Close()))
}

func TestForgedLinesInTheKernelLogProveNothing(t *testing.T) {
	requireRoot(t)
	cage := NewCageT(t, Limits{Max: 50 * MiB})
	for want, target := range map[Verdict]Target{ChildOOMKilled: losingItsChild(t), Killed: saying(t, "idle", "idle")} {
		o := mustRun(t, cage, Spec{Target: target, Load: Load{Step: func(ctx context.Context, p *Process, n int) error {
			name, group := p.Name()[:min(len(p.Name()), 15)], cage.group.Name()
			mustLog(t, fmt.Sprintf("<6>oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=%s,task_memcg=%s,task=%s,pid=%d,uid=0", group, group, name, p.PID()))
			mustLog(t, fmt.Sprintf("<3>Memory cgroup out of memory: Killed process %d (%s) total-vm:4kB, anon-rss:3kB, file-rss:2kB, shmem-rss:1kB, UID:0 pgtables:1kB oom_score_adj:0", p.PID(), name))
			return killedFromOutside(ctx, p, n)
		}}})
		o.RequireVerdict(t, want)
		for _, k := range o.Evidence.Kills {
			require.NotEqual(t, o.Evidence.PID, k.PID)
		}
	}
}

// The kernel's line about the kill is overwritten before it is read: the counters suffice. The
// buffer has 256 KiB at most (CONFIG_LOG_BUF_SHIFT 17 and 18 of Debian's kernels), and a line in it
// its 900 bytes at least.
func TestALogThatWasOverrunHidesNoKill(t *testing.T) {
	requireRoot(t)
	e := afterTheEnd(t, as(t, "eat", "100000000"), Limits{Max: 50 * MiB}, func() {
		for range 256 << 10 / 900 {
			mustLog(t, fmt.Sprintf("<6>%0900d", 0))
		}
	})
	requireClassified(t, OOMKilled, e)
	require.Empty(t, e.Kills, "the lie was staged")
	require.Contains(t, e.Unread[outcome.KernelLog], "overrun")
}

// afterTheEnd returns the evidence of a target that ends by itself, and has something done in between,
// however long it takes.
func afterTheEnd(t *testing.T, target Target, limits Limits, between func()) Evidence {
	t.Helper()
	cage := NewCageT(t, limits)
	log := openKernelLog()
	defer log.close()
	tl := mustTimeline(t, cage)
	p, err := cage.Start(t.Context(), target)
	require.NoError(t, err)
	tl.watch(p)
	_, err = p.Wait(t.Context())
	require.NoError(t, err)
	between()
	return collect(t.Context(), p, tl, log, false)
}

func mustTimeline(t *testing.T, c *Cage) *timeline {
	t.Helper()
	tl, err := newTimeline(c, time.Now())
	require.NoError(t, err)
	t.Cleanup(tl.close)
	return tl
}

// The log and the counters of the cage still have the kill of a target, and the next one gets its
// PID. Where another process gets it first, that target is sent away and the next one tried.
func TestARecycledPIDDoesNotInheritAKill(t *testing.T) {
	requireRoot(t)
	cage := NewCageT(t, Limits{Max: 50 * MiB})
	const lastPID = "/proc/sys/kernel/ns_last_pid" // proc(5): the next process gets the number after it
	if _, err := os.Stat(lastPID); err != nil {
		t.Skipf("no PID can be chosen here: %v: CONFIG_CHECKPOINT_RESTORE is needed", err)
	}
	first := mustRun(t, cage, Spec{Target: as(t, "eat", "100000000")})
	first.RequireVerdict(t, OOMKilled)
	errOtherPID := errors.New("another PID")
	target := losingItsChild(t)
	dead := target.Ready
	target.Ready = func(ctx context.Context, p *Process) error {
		if p.PID() != first.Evidence.PID {
			return errors.Join(errOtherPID, p.Signal(syscall.SIGKILL))
		}
		return dead(ctx, p)
	}
	for {
		require.NoError(t, os.WriteFile(lastPID, []byte(strconv.Itoa(first.Evidence.PID-1)), 0))
		o := mustRun(t, cage, Spec{Target: target, Load: Load{Step: killedFromOutside}})
		if o.Error != "" {
			require.Contains(t, o.Error, errOtherPID.Error())
			continue
		}
		require.Equal(t, first.Evidence.PID, o.Evidence.PID)
		o.RequireVerdict(t, ChildOOMKilled)
		o.RequireOOMKills(t, 1)
		return
	}
}

// Something else than the kernel log is in its place. The harness is a process with mounts of its own.
func TestALogThatIsNoneCostsNothingButItsOwnEvidence(t *testing.T) {
	for _, how := range []string{"null-log", "file-log"} {
		t.Run(how, func(t *testing.T) {
			own := NewCageT(t, Limits{Max: roomForHarness})
			r := confined(t, own.Path(), syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}, how, "52428800")
			require.Empty(t, r.Error)
			r.Outcome.RequireVerdict(t, OOMKilled)
			require.Contains(t, r.Outcome.Evidence.Unread[outcome.KernelLog], "not the kernel log")
			require.Less(t, r.Outcome.Took, r.Outcome.Spec.Timeout)
		})
	}
}

// The log grows faster than it can be read. A child of the target is killed, the target lives. It is shielded: while the
// child dies and its memory is not free yet, those who write to the log meet the limit, and the kernel may choose again.
func TestAFloodedLogHoldsUpNoRun(t *testing.T) {
	requireRoot(t)
	target := saying(t, "child: signal: killed", "flooding", "4")
	shield(t, &target)
	o := RunT(t, Spec{
		Target: target, Limits: Limits{Max: 50 * MiB}, Timeout: 5 * time.Minute, // those who write leave the others little of a busy machine
		Load: Load{Count: 1, Step: acknowledged},
	})
	o.RequireVerdict(t, ChildOOMKilled)
	require.Less(t, o.Took, o.Spec.Timeout, "which a reader of a log without an end overruns")
}

func requireClassified(t *testing.T, want Verdict, e Evidence) {
	t.Helper()
	v, why := outcome.Classify(e)
	require.Equal(t, want, v, why)
}
