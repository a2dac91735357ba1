package harness

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/outcome"
)

// Each test here stages a lie on the real kernel: something looks like an OOM kill of the target
// and is none, or is one and does not look like it. What can be forged without a kernel is in
// forgedevidence_test.go.

// killedFromOutside is a step: a SIGKILL of which the harness knows nothing.
func killedFromOutside(ctx context.Context, p *Process, _ int) error {
	if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
		return err
	}
	_, err := p.Wait(ctx)
	return err
}

// saying is a target of this test binary that is ready when it has said a text.
func saying(t *testing.T, text, role string, args ...string) Target {
	t.Helper()
	target := as(t, role, args...)
	target.Ready = says(text)
	return target
}

// losingItsChild is a target whose child is OOM-killed, ready when that has happened.
func losingItsChild(t *testing.T) Target {
	t.Helper()
	return saying(t, "child: signal: killed", "child", "100000000")
}

// dying is a target that is OOM-killed in a cage of less than 100 MB. What comes after its end, and
// before the evidence is read, is done by its probe: a step would not be sent any more.
func dying(t *testing.T, after func()) Target {
	t.Helper()
	target := as(t, "eat", "100000000")
	target.Ready = func(_ context.Context, p *Process) error {
		_, err := p.Wait(t.Context())
		after()
		return err
	}
	return target
}

func TestAKillBeforeTheRunIsNotTheRuns(t *testing.T) {
	cage := NewCageT(t, Limits{Max: 50 * MiB})
	mustRun(t, cage, Spec{Target: as(t, "eat", "100000000")}).RequireVerdict(t, OOMKilled)

	mustRun(t, cage, Spec{Target: as(t, "exit", "0")}).RequireVerdict(t, Exited)
	mustRun(t, cage, Spec{Target: as(t, "exit", "137")}).RequireVerdict(t, Exited)
	mustRun(t, cage, Spec{Target: saying(t, "idle", "idle"), Load: Load{Step: killedFromOutside}}).RequireVerdict(t, Killed)

	m, err := cage.Memory()
	require.NoError(t, err)
	require.EqualValues(t, 1, m.Events.OOMKill, "the counter still has the first one")
}

// The cage is full of memory that its target has given up (MADV_FREE). The kernel takes it back
// whenever the limit is met, which counts as max, and needs to kill nobody.
func TestAFullLimitMakesNoOOMKillOfAnEnd(t *testing.T) {
	cage := NewCageT(t, Limits{Max: 64 * MiB})
	for want, s := range map[Verdict]Spec{
		Exited: {Target: as(t, "brim", "100663296", "0", "137")},
		Killed: {Target: saying(t, "at the brim", "brim", "100663296", "0"), Load: Load{Step: killedFromOutside}},
	} {
		o := mustRun(t, cage, s)
		o.RequireVerdict(t, want)
		require.Positive(t, o.Evidence.EventsLocal.Max, "the limit was met")
		require.Zero(t, o.Evidence.EventsLocal.OOM)
	}
}

// The target meets its own limit, and is killed later by its parent's, when a neighbour has filled that.
// Of 128 MiB the neighbour takes 90 and the target keeps 32, and each has its runtime (8 MiB; 2026-11). The target
// has the score that is chosen first, which it takes no privilege to set.
func TestALimitAboveKillsATargetThatHasMetItsOwn(t *testing.T) {
	parent := NewCageT(t, Limits{Max: 128 * MiB})
	child, sibling := mustChild(t, parent, "child", Limits{Max: 64 * MiB}), mustChild(t, parent, "sibling", Limits{})
	neighbour, target := as(t, "eat", strconv.Itoa(90<<20)), saying(t, "at the brim", "brim", "100663296", strconv.Itoa(32<<20))
	target.OOMScoreAdj = ptr(outcome.OOMScoreAdjMax)
	o := mustRun(t, child, Spec{Target: target, Load: Load{
		Count: 1, Step: func(ctx context.Context, p *Process, _ int) error {
			if _, err := sibling.Start(ctx, neighbour); err != nil {
				return err
			}
			_, err := p.Wait(ctx)
			return err
		},
	}})
	o.RequireVerdict(t, AncestorOOMKilled)
	o.RequireOOMKills(t, 1)
	require.Positive(t, o.Evidence.EventsLocal.Max, "its own limit was met")
	require.Zero(t, o.Evidence.EventsLocal.OOM)
	require.Contains(t, o.Why, "limit of "+parent.group.Name())
}

func TestAVerdictNeedsNoNotification(t *testing.T) {
	type feed = <-chan struct{}
	for name, watch := range map[string]func(file string, late feed) (feed, func(), error){
		"none comes":        func(string, feed) (feed, func(), error) { return nil, func() {}, nil },
		"it comes too late": func(_ string, late feed) (feed, func(), error) { return late, func() {}, nil },
		"the watch ended early": func(file string, _ feed) (feed, func(), error) {
			c, stop, err := cgroup.Watch(file)
			if err == nil {
				stop()
			}
			return c, func() {}, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			cage, late := NewCageT(t, Limits{Max: 50 * MiB}), make(chan struct{}, 1)
			cage.watch = func(file string) (feed, func(), error) { return watch(file, late) }
			o := mustRun(t, cage, Spec{Target: dying(t, func() { late <- struct{}{} })})
			o.RequireVerdict(t, OOMKilled)
			o.RequireOOMKills(t, 1)
		})
	}
}

func TestANotificationProvesNoKill(t *testing.T) {
	cage := NewCageT(t, Limits{Max: 50 * MiB})
	cage.watch = func(string) (<-chan struct{}, func(), error) {
		c, quit := make(chan struct{}), make(chan struct{})
		go func() {
			for {
				select {
				case c <- struct{}{}:
				case <-quit:
					return
				}
			}
		}()
		return c, func() { close(quit) }, nil
	}
	o := mustRun(t, cage, Spec{Target: as(t, "exit", "137")})
	o.RequireVerdict(t, Exited)
	for _, s := range o.Timeline {
		require.Zero(t, s.Events.OOMKill)
	}
}

// A group kill spares a process at -1000, which another SIGKILL may end later.
func TestATargetThatAGroupKillHasSparedIsKilledBySomebodyElse(t *testing.T) {
	target := saying(t, "child: signal: killed", "shielding-child", "100000000")
	shield(t, &target)
	o := RunT(t, Spec{Target: target, Limits: Limits{Max: 50 * MiB, OOMGroup: true}, Load: Load{Step: killedFromOutside}})
	require.Positive(t, o.Evidence.EventsLocal.OOMGroupKill)
	o.RequireVerdict(t, ChildOOMKilled)
}

// The kernel counts a kill in memory.events.local and then, upwards, in memory.events. A reading
// between the two must not look as if the cage had more kills than it and all below it.
func TestNoReadingContradictsItself(t *testing.T) {
	cage, kill := killMany(t)
	quit := make(chan struct{})
	var readErr error
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			var m outcome.Memory
			if m, readErr = cage.Memory(); readErr != nil {
				return
			}
			assert.LessOrEqual(t, m.EventsLocal.OOMKill, m.Events.OOMKill)
			assert.LessOrEqual(t, m.EventsLocal.OOM, m.Events.OOM)
			select {
			case <-quit:
				return
			default:
			}
		}
	})
	err := kill()
	close(quit)
	reader.Wait()
	require.NoError(t, errors.Join(err, readErr))
	m, err := cage.Memory()
	require.NoError(t, err)
	require.EqualValues(t, killedTogether, m.Events.OOMKill)
}
