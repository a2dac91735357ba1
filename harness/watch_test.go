package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// watched begins to watch what a test runs in a cage, as if that were somebody else's. The function that it returns waits for the
// outcome.
func watched(t *testing.T, s WatchSpec) (await func() *Outcome) {
	t.Helper()
	return watchedUntil(t.Context(), t, s)
}

// watchedUntil is watched until ctx ends.
func watchedUntil(ctx context.Context, t *testing.T, s WatchSpec) (await func() *Outcome) {
	t.Helper()
	began, done := make(chan struct{}), make(chan struct{})
	tell := sync.OnceFunc(func() { close(began) })
	seen := s.Observe
	s.Observe = func(now outcome.Sample, limit Bytes) {
		tell()
		if seen != nil {
			seen(now, limit)
		}
	}
	var o *Outcome
	var err error
	go func() {
		defer close(done)
		o, err = Watch(ctx, s)
	}()
	select {
	case <-began:
	case <-done:
		require.NoError(t, err)
	}
	return func() *Outcome {
		t.Helper()
		<-done
		require.NoError(t, err)
		return o
	}
}

// told starts a target that takes more than the cage has when it is told so.
func told(t *testing.T, c *Cage) *Process {
	t.Helper()
	p, err := c.Start(t.Context(), as(t, "told", "67108864"))
	require.NoError(t, err)
	require.NoError(t, says("waiting")(t.Context(), p))
	return p
}

func mustSignal(t *testing.T, p *Process, sig syscall.Signal) {
	t.Helper()
	require.NoError(t, syscall.Kill(p.PID(), sig)) // not through the harness, which knows nothing of the watch
}

func TestAWatchedCgroupIsKilledByItsOwnLimit(t *testing.T) {
	c := NewCageT(t, Limits{Max: 32 * MiB})
	p := told(t, c)
	await := watched(t, WatchSpec{Cgroup: c.Path()})
	mustSignal(t, p, syscall.SIGUSR1)
	o := await()
	o.RequireVerdict(t, OOMKilled)
	w := o.Evidence.Watched
	require.True(t, w.Final)
	require.Equal(t, p.PID(), w.Main.PID)
	require.Equal(t, 1, w.Most)
	require.EqualValues(t, 1, o.Evidence.Events.OOMKill)
	require.NotEmpty(t, o.Timeline)
	require.Len(t, o.Evidence.KillTimes, 1)
	require.NotNil(t, o.Evidence.Fullest)
	require.Equal(t, 32*MiB, o.Evidence.Limits.Max)
}

// Who moves it, as systemd does with what it adopts, ends nothing.
func TestAWatchedProcessThatIsMovedHasNotEnded(t *testing.T) {
	c, other := NewCageT(t, Limits{Max: 32 * MiB}), NewCageT(t, Limits{Max: 64 * MiB})
	p := told(t, c)
	await := watched(t, WatchSpec{Cgroup: c.Path()})
	require.NoError(t, os.WriteFile(filepath.Join(other.Path(), "cgroup.procs"), []byte(strconv.Itoa(p.PID())), 0))
	o := await()
	o.RequireVerdict(t, Inconclusive)
	require.Equal(t, other.group.Name(), o.Evidence.Watched.Moved)
	require.Contains(t, o.Why, "lives, and was moved to "+other.group.Name())
	require.False(t, o.Evidence.Status.Ended)
	require.Contains(t, o.String(), "no: its main process was moved to ")
}

// What it did there was counted there.
func TestAWatchedProcessThatIsKilledWhereItWasMovedIsNotJudgedByWhatItLeft(t *testing.T) {
	c, other := NewCageT(t, Limits{Max: 96 * MiB}), NewCageT(t, Limits{Max: 32 * MiB})
	p := told(t, c)
	looks := make(chan struct{}, 1)
	await := watched(t, WatchSpec{PID: p.PID(), Observe: func(outcome.Sample, Bytes) {
		select {
		case looks <- struct{}{}:
		default:
		}
	}})
	require.NoError(t, os.WriteFile(filepath.Join(other.Path(), "cgroup.procs"), []byte(strconv.Itoa(p.PID())), 0))
	for range 3 { // one may have been on its way, and one may have looked before the move
		<-looks
	}
	mustSignal(t, p, syscall.SIGUSR1)
	o := await()
	o.RequireVerdict(t, Inconclusive)
	require.Equal(t, other.group.Name(), o.Evidence.Watched.Moved)
	require.True(t, o.Evidence.Watched.Ended)
	require.Contains(t, o.Why, "was moved to "+other.group.Name()+", and ended there")
	require.Zero(t, o.Evidence.Events.OOMKill)
}

// A service manager or a container engine removes the cgroup as soon as nothing runs in it: whoever reads its counters then, is late.
func TestAKillInACgroupThatIsRemovedAtOnceIsJudged(t *testing.T) {
	removes, forks := newHelper(t, "removes"), newHelper(t, "forks")
	const times = 50
	final := 0
	for range times {
		c := NewCageT(t, Limits{Max: 32 * MiB})
		forks.tell(t, c.Path())
		pid := forks.await(t)
		await := watched(t, WatchSpec{Cgroup: c.Path()})
		removes.tell(t, c.Path())
		forks.tell(t, "begin")
		o := await()
		require.Equal(t, "killed", forks.await(t))
		require.Equal(t, "removed", removes.await(t))
		o.RequireVerdict(t, OOMKilled)
		require.Equal(t, pid, strconv.Itoa(o.Evidence.Watched.Main.PID))
		if o.Evidence.Watched.Final {
			final++
		}
		require.NoError(t, c.Close())
	}
	t.Logf("of %d, the counters of %d could still be read at the end", times, final)
}

func TestAWatchedProcessIsJudgedByItself(t *testing.T) {
	requireKernelLog(t)
	c := NewCageT(t, Limits{Max: 32 * MiB})
	victim, other := told(t, c), told(t, c)
	await := watched(t, WatchSpec{PID: victim.PID()})
	mustSignal(t, victim, syscall.SIGUSR1)
	o := await()
	o.RequireVerdict(t, OOMKilled)
	require.Equal(t, 2, o.Evidence.Watched.Most)
	require.False(t, other.Status().Ended)
}

func TestAWatchedProcessThatEndsByItselfWasNotKilled(t *testing.T) {
	c := NewCageT(t, Limits{Max: 32 * MiB})
	p := told(t, c)
	await := watched(t, WatchSpec{PID: p.PID()})
	mustSignal(t, p, syscall.SIGUSR2)
	o := await()
	o.RequireVerdict(t, Exited)
	if s := o.Evidence.Status; s.Signal != outcome.UnknownSignal { // from Linux 6.15 on
		require.Equal(t, 3, s.Code)
	}
}

func TestAWatchThatIsOverFirstSaysSo(t *testing.T) {
	c := NewCageT(t, Limits{Max: 64 * MiB})
	p := told(t, c)
	o := watched(t, WatchSpec{Cgroup: c.group.Name(), For: 300 * time.Millisecond})()
	o.RequireVerdict(t, Survived)
	require.Contains(t, o.Why, "alive when the watch ended")
	require.False(t, p.Status().Ended)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o, err := Watch(ctx, WatchSpec{Cgroup: c.Path()})
	require.NoError(t, err)
	o.RequireVerdict(t, Survived)
}

func TestAWatchSaysWhatItCannotWatch(t *testing.T) {
	for want, s := range map[string]WatchSpec{
		"there is nothing to watch: name a cgroup, a process, a unit, a container or a pod":      {},
		"one thing can be watched at a time: a cgroup, a process, a unit, a container or a pod":  {Cgroup: "a", PID: 1},
		"watch process -1: it must be positive":                                                  {PID: -1},
		"the engine docker is of no use without a container: name that, or leave the engine out": {PID: 1, Engine: "docker"},
		`there is no engine "rkt": podman or docker`:                                             {Container: "a", Engine: "rkt"},
		"watch for -1s: it must not be negative":                                                 {PID: 1, For: -time.Second},
	} {
		_, err := Watch(t.Context(), s)
		require.EqualError(t, err, want)
	}
}

// restarting is a manager that starts a target once more.
type restarting struct {
	again func()
	left  int
	count int // how often it says that it has started it again
}

func (m *restarting) exit(context.Context, int) (outcome.ExitStatus, bool) {
	return outcome.ExitStatus{Ended: true, Code: 3}, m.left == 0
}

func (m *restarting) hasStarted(context.Context, int) bool { return true }

func (m *restarting) startsAgain(context.Context) bool {
	if m.left == 0 {
		return false
	}
	m.left--
	m.again()
	return true
}

// restarts counts two more in the end than a watch sees.
func (m *restarting) restarts(context.Context) (int, bool) {
	if m.left == 0 {
		return m.count + 3, true
	}
	return m.count, true
}

func TestEachRestartOfWhatIsWatchedIsALife(t *testing.T) {
	c := NewCageT(t, Limits{Max: 32 * MiB})
	first := told(t, c)
	second := (*Process)(nil)
	m := &restarting{left: 1, count: 5, again: func() { second = told(t, c) }}
	var lived []outcome.Life
	begun := 0
	w := &watching{start: time.Now(), log: openKernelLog(), manager: m, spec: WatchSpec{
		Unit: "web", ObserveLife: func(l outcome.Life) { lived = append(lived, l) },
		Observe: func(now outcome.Sample, _ Bytes) {
			switch {
			case begun == 0:
				begun++
				mustSignal(t, first, syscall.SIGUSR1)
			case begun == 1 && len(lived) == 1:
				begun++
				mustSignal(t, second, syscall.SIGUSR2)
			}
		},
	}}
	defer w.log.close()
	o, err := w.lives(t.Context(), c.group)
	require.NoError(t, err)
	require.Len(t, o.Lives, 1)
	require.Equal(t, lived, o.Lives)
	require.Equal(t, OOMKilled, o.Lives[0].Verdict)
	o.RequireVerdict(t, Exited)
	require.Contains(t, o.Why, "ended by itself with exit code 3")
	require.Contains(t, o.Why, "; it was started again once, and before that it was oom-killed")
	require.Zero(t, o.Evidence.Events.OOMKill, "that of the first life is not its own")
	require.Empty(t, o.Evidence.Kills)
	require.Equal(t, 2, o.Evidence.Watched.Unseen, "of three restarts one is a life of the outcome")
	require.Contains(t, o.String(), "unseen     2 restarts of it: over before it could be looked at")
}

// All lives were lost when the next one could not be watched, say for want of descriptors.
func TestTheLivesBeforeAreKeptWhereTheNextOneCannotBeWatched(t *testing.T) {
	c := NewCageT(t, Limits{Max: 32 * MiB})
	first := told(t, c)
	m := &restarting{left: 1, again: func() {
		<-first.done // else it is a zombie, of which another error tells
		told(t, c)
	}}
	once := sync.OnceFunc(func() { mustSignal(t, first, syscall.SIGUSR1) })
	w := &watching{start: time.Now(), log: openKernelLog(), manager: m, spec: WatchSpec{
		PID: first.PID(), Observe: func(outcome.Sample, Bytes) { once() }, // the next one has another
	}}
	defer w.log.close()
	o, err := w.lives(t.Context(), c.group)
	require.EqualError(t, err, fmt.Sprintf("watch process %d: no such process", first.PID()))
	require.NotNil(t, o)
	o.RequireVerdict(t, OOMKilled)
	require.Equal(t, 2, o.Evidence.Watched.Unseen, "of three restarts one is told of by the error")
}
