package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/outcome"
)

// testPod is a pod as a kubelet makes it: a cgroup with one of each container below, and one of what holds its namespaces.
type testPod struct {
	t       *testing.T
	uid     string
	group   *Cage
	sandbox *Process
	started int
}

// newPod makes the pod default/web, in which no container runs yet.
func newPod(t *testing.T, l Limits) *testPod {
	t.Helper()
	awaitPlacesInTheLog(t, 5) // what ends may be gone before its counters are read
	p := &testPod{t: t, uid: "0f8c2c1e-5b4a-4c0a-9a57-3d1f3c1e2b11"}
	nodeLogs = t.TempDir()
	t.Cleanup(func() { nodeLogs = "/var/log" })
	require.NoError(t, os.MkdirAll(filepath.Join(nodeLogs, "pods", "default_web_"+p.uid), 0o755)) //nolint:gosec // as the kubelet's
	require.NoError(t, os.MkdirAll(filepath.Join(nodeLogs, "containers"), 0o755))                 //nolint:gosec // as the kubelet's
	var err error
	p.group, err = NewCageT(t, Limits{}).Child("pod"+p.uid, l)
	require.NoError(t, err)
	_, p.sandbox = p.start("", Limits{})
	return p
}

// start starts a container as runc does: by a process that ends before, and sets its limit after that. The kubelet then gives it a
// name.
func (p *testPod) start(name string, l Limits) (*Cage, *Process) {
	p.t.Helper()
	p.started++
	id := fmt.Sprintf("%064x", 0xabc000+p.started)
	limit := l.Max
	l.Max = 0
	c, err := p.group.Child(id, l)
	require.NoError(p.t, err)
	parent := told(p.t, c)
	running := told(p.t, c)
	mustSignal(p.t, parent, syscall.SIGUSR2)
	<-parent.Done()
	if limit != 0 {
		require.NoError(p.t, c.group.Write("memory.max", strconv.FormatInt(int64(limit), 10)))
	}
	if name != "" {
		of := filepath.Join(nodeLogs, "pods", "default_web_"+p.uid, name, strconv.Itoa(p.started)+".log")
		require.NoError(p.t, os.Symlink(of, filepath.Join(nodeLogs, "containers", "web_default_"+name+"-"+id+".log")))
	}
	return c, running
}

// over ends what holds the namespaces, and removes the pod's cgroup.
func (p *testPod) over() {
	p.t.Helper()
	require.NoError(p.t, p.group.Close())
}

// livesOf begins to watch the pod web, and has each life as soon as the watch tells of it.
func livesOf(ctx context.Context, t *testing.T) (await func() *Outcome, lives chan outcome.Life) {
	t.Helper()
	lives = make(chan outcome.Life, 9)
	return watchedUntil(ctx, t, WatchSpec{Pod: "web", ObserveLife: func(l outcome.Life) { lives <- l }}), lives
}

func TestEachContainerOfAPodThatEndsIsALife(t *testing.T) {
	p := newPod(t, Limits{Max: 256 * MiB})
	first, victim := p.start("app", Limits{Max: 32 * MiB, OOMGroup: true})
	ctx, end := context.WithCancel(t.Context())
	await, lives := livesOf(ctx, t)
	mustSignal(t, victim, syscall.SIGUSR1)
	<-victim.Done()
	require.NoError(t, first.Close())
	_, again := p.start("app", Limits{Max: 32 * MiB, OOMGroup: true})
	life := <-lives
	require.Equal(t, "app", life.Container)
	require.Equal(t, OOMGroupKilled, life.Verdict, life.Why)
	end()
	o := await()
	o.RequireVerdict(t, Survived)
	require.Equal(t, "app", o.Evidence.Watched.Container)
	require.Equal(t, again.PID(), o.Evidence.Watched.Main.PID)
	require.Equal(t, 32*MiB, o.Evidence.Limits.Max)
	require.NotContains(t, o.Why, "was changed", "its limit was set when it began")
	require.Equal(t, "the container app of the pod default/web", o.Evidence.Watched.What)
	require.Contains(t, o.Why, "; that is the container app, after app: oom-group-killed")
	require.Equal(t, []outcome.Life{life}, o.Lives)
	require.Zero(t, o.Evidence.Events.OOMKill, "of this container alone")
}

func TestASidecarThatIsKilledIsALifeOfAPodThatLives(t *testing.T) {
	p := newPod(t, Limits{})
	_, app := p.start("app", Limits{Max: 64 * MiB})
	sidecar, victim := p.start("sidecar", Limits{Max: 32 * MiB})
	ctx, end := context.WithCancel(t.Context())
	await, lives := livesOf(ctx, t)
	mustSignal(t, victim, syscall.SIGUSR1)
	<-victim.Done()
	require.NoError(t, sidecar.Close())
	life := <-lives
	require.Equal(t, "sidecar: oom-killed", life.String(), life.Why)
	end()
	o := await()
	o.RequireVerdict(t, Survived)
	require.Equal(t, "app", o.Evidence.Watched.Container)
	require.Equal(t, app.PID(), o.Evidence.Watched.Main.PID)
	require.Equal(t, 64*MiB, o.Evidence.Limits.Max)
	require.Equal(t, []outcome.Life{life}, o.Lives)
}

func TestTheLimitOfAPodIsOneAboveItsContainers(t *testing.T) {
	p := newPod(t, Limits{Max: 32 * MiB})
	container, victim := p.start("app", Limits{})
	await, _ := livesOf(t.Context(), t)
	mustSignal(t, victim, syscall.SIGUSR1)
	<-victim.Done()
	require.NoError(t, container.Close())
	p.over()
	o := await()
	o.RequireVerdict(t, AncestorOOMKilled)
	require.Contains(t, o.Why, "killed by the limit of "+p.group.group.Name())
}

func TestALimitOfAContainerThatIsLoweredInPlaceIsTold(t *testing.T) {
	p := newPod(t, Limits{})
	p.start("beside", Limits{})
	container, victim := p.start("app", Limits{Max: 128 * MiB})
	ctx, end := context.WithCancel(t.Context())
	await, lives := livesOf(ctx, t)
	require.NoError(t, container.group.Write("memory.max", "33554432"))
	mustSignal(t, victim, syscall.SIGUSR1)
	life := <-lives
	require.Equal(t, "app: oom-killed", life.String(), life.Why)
	require.Contains(t, life.Why, "killed by its own limit: 32.0 of 32.0 MiB")
	require.Contains(t, life.Why, "memory.max was changed during the run, from 128.0 MiB to 32.0 MiB")
	end()
	await().RequireVerdict(t, Survived)
}

func TestAPodOfWhichNothingHasANameIsJudgedAsAWhole(t *testing.T) {
	p := newPod(t, Limits{Max: 64 * MiB})
	await := watched(t, WatchSpec{Pod: "default/web"})
	p.over()
	o := await()
	require.Contains(t, []Verdict{Exited, Killed}, o.Verdict, o.Why)
	require.Empty(t, o.Evidence.Watched.Container)
	require.Equal(t, "the pod default/web", o.Evidence.Watched.What)
}

func TestAWatchOfAPodSaysWhatIsMissing(t *testing.T) {
	p := newPod(t, Limits{})
	_, err := Watch(t.Context(), WatchSpec{Pod: "db"})
	require.ErrorContains(t, err, "there is no pod db on this node; these run here: default/web")
	require.NoError(t, os.Remove(filepath.Join(nodeLogs, "containers")))
	_, err = Watch(t.Context(), WatchSpec{Pod: "web"})
	require.ErrorContains(t, err, "find the containers of the pod default/web: ")
	p.over()
	_, err = Watch(t.Context(), WatchSpec{Pod: "web"})
	require.ErrorContains(t, err, "the pod web does not run here any more")
}

// Of the one that ended last there was a life to be told of, while another one lived; that one has come to nothing.
func TestTheOutcomeOfAPodIsNoLifeThatIsToldTwice(t *testing.T) {
	told := 0
	p := &watchedPod{watching: &watching{spec: WatchSpec{ObserveLife: func(outcome.Life) { told++ }}}, told: 1}
	p.lives = []*podContainer{{o: &Outcome{Evidence: Evidence{Watched: &outcome.Watched{Ended: true, Final: true}}}}}
	o := p.outcome(nil)
	require.Empty(t, o.Lives)
	require.Zero(t, told)
}

// The error of one container's watch took with it what had been killed in another one that lives.
func TestAWatchOfAPodThatFailsHasSeenWhatWasKilledBefore(t *testing.T) {
	for name, test := range map[string]struct {
		verdict Verdict
		ended   bool
		want    bool
	}{
		"a container that lives, and in which nothing was killed": {Survived, false, false},
		"a container that lives without its worker":               {ChildOOMKilled, false, true},
		"a container that ended by itself":                        {Exited, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := &watchedPod{watching: &watching{}}
			o := &Outcome{Verdict: test.verdict, Evidence: Evidence{Watched: &outcome.Watched{Ended: test.ended, Most: 1}}}
			p.take(&podContainer{group: &cgroup.Group{}, named: "app", o: o})
			require.Equal(t, test.want, p.hasSeenAnEnd())
		})
	}
}
