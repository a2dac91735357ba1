package harness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/internal/engine"
	"oomcage/harness/outcome"
)

// WatchSpec says what is watched: a cgroup, a process, a unit of systemd, a container or a pod. One of Cgroup, PID, Unit, Container
// and Pod is needed.
type WatchSpec struct {
	Name string // in results; empty: what is watched

	Cgroup string // its directory, or its name below the mount of cgroup v2
	PID    int    // one process; what is counted is its cgroup's
	Unit   string // of systemd, of the system or else of this user; each time that it is started again is a life of the outcome

	Container string // a container that runs, by its name or ID
	Engine    string // whose that is: podman or docker; empty: of which of them knows it

	// Pod is a pod of Kubernetes that runs on this machine, as [NAMESPACE/]NAME or by its UID. Each end of one of its containers is a
	// life of the outcome, which Evidence.Watched.Container names; verdicts and counters are those of the container's own cgroup.
	Pod string

	For time.Duration // how long; 0: until it ends, or ctx does

	// Observe is told of each reading, with what was counted since the watch began, and of memory.max then (0: none); nil: nobody
	// is. It is to return soon: meanwhile nothing is watched.
	Observe func(now outcome.Sample, limit Bytes)

	// ObserveLife is told of each life that another one follows; nil: nobody is.
	ObserveLife func(outcome.Life)
}

// Watch judges what runs already, and makes and writes nothing: it compares the counters from now on, until nothing runs in the
// cgroup any more or it is removed, until the process ends, until For is up or ctx ends. The end of ctx is no error: what was
// seen until then is the outcome. Its Evidence.Watched says how much was known. Where the cgroup is removed at once when its
// processes are gone, the kernel log, the counters above and the last reading decide; where these do not suffice, the verdict
// is Inconclusive and says why. An error says that there is nothing to watch: no such cgroup or process, or no memory
// controller. Where the next life cannot be watched, say for want of descriptors, the outcome of those before is returned as
// well as the error.
//
// It takes no root, but for the kernel log where that is closed to users (kernel.dmesg_restrict).
func Watch(ctx context.Context, s WatchSpec) (*Outcome, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	w := &watching{spec: s, start: time.Now(), log: openKernelLog()}
	defer w.log.close()
	if s.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.For)
		defer cancel()
	}
	if s.Pod != "" {
		p, err := w.findPod(s.Pod)
		if err != nil {
			return nil, err
		}
		return p.watch(ctx)
	}
	group, err := w.find(ctx)
	if err != nil {
		return nil, err
	}
	return w.lives(ctx, group)
}

// Validate says what of the spec makes no sense on any machine.
func (s WatchSpec) Validate() error {
	named := 0
	for _, is := range []bool{s.Cgroup != "", s.PID != 0, s.Unit != "", s.Container != "", s.Pod != ""} {
		if is {
			named++
		}
	}
	switch {
	case named == 0:
		return errors.New("there is nothing to watch: name a cgroup, a process, a unit, a container or a pod")
	case named > 1:
		return errors.New("one thing can be watched at a time: a cgroup, a process, a unit, a container or a pod")
	case s.PID < 0:
		return fmt.Errorf("watch process %d: it must be positive", s.PID)
	case s.Engine != "" && s.Container == "":
		return fmt.Errorf("the engine %s is of no use without a container: name that, or leave the engine out", s.Engine)
	case s.For < 0:
		return fmt.Errorf("watch for %v: it must not be negative", s.For)
	}
	return engine.Known(s.Engine)
}

// find looks for the cgroup that counts.
func (w *watching) find(ctx context.Context) (*cgroup.Group, error) {
	s := w.spec
	switch {
	case s.PID != 0:
		g, err := cgroup.OfProcess(s.PID)
		if err != nil {
			return nil, err
		}
		return g.Charged()
	case s.Unit != "":
		u, err := findUnit(ctx, s.Unit)
		if err != nil {
			return nil, err
		}
		w.manager = u
		g, err := cgroup.At(u.cgroup)
		if err != nil {
			return nil, err
		}
		if !runsIn(g) { // it may be between two lives
			w.awaitNext(ctx, g)
		}
		return counting(u.cgroup)
	case s.Container != "":
		c, err := findContainer(ctx, s.Engine, s.Container)
		if err != nil {
			return nil, err
		}
		w.manager, w.main = c, c.PID
		return c.group()
	}
	return counting(s.Cgroup)
}

// counting finds a cgroup by its path, and asks that it counts.
func counting(path string) (*cgroup.Group, error) {
	g, err := cgroup.Existing(path)
	if err != nil {
		return nil, err
	}
	at, err := g.Charged()
	if err == nil && at.Name() != g.Name() {
		err = fmt.Errorf("the cgroup %s has no memory controller, so what is in it is charged to %s: watch that", g.Name(), at.Name())
	}
	return at, err
}

// what names what is watched, for the sentence.
func (s WatchSpec) what() string {
	switch {
	case s.PID != 0:
		return fmt.Sprintf("process %d", s.PID)
	case s.Unit != "":
		return "the unit " + s.Unit
	case s.Container != "":
		return "the container " + s.Container
	case s.Pod != "":
		return "the pod " + s.Pod
	}
	return "the cgroup " + s.Cgroup
}

// watching is a watch.
type watching struct {
	spec    WatchSpec
	start   time.Time
	log     *kernelLog
	main    int     // the PID of the main process; 0: it is to be found
	manager manager // nil where nobody is known who manages the cgroup
	before  *watchedEnd
	started <-chan struct{} // closed when its program runs; nil where that ran before the watch, or is not told
}

// manager is who starts what is watched, and may start it again.
type manager interface {
	// exit is how its main process has ended, where that was the one of this PID and the manager tells it.
	exit(ctx context.Context, pid int) (outcome.ExitStatus, bool)
	// hasStarted reports whether what runs in the cgroup is a new life, whose main process is another one than that of before.
	hasStarted(ctx context.Context, before int) bool
	// startsAgain reports whether it may start it once more in the same cgroup.
	startsAgain(ctx context.Context) bool
	// restarts is how often it has started it again by itself, where it counts that.
	restarts(ctx context.Context) (n int, counted bool)
}

// life watches what runs in the group until it ends.
func (w *watching) life(ctx context.Context, g *cgroup.Group) (*Outcome, error) {
	l, err := w.begin(g)
	if err != nil {
		return nil, explainDescriptors(err)
	}
	defer l.close()
	l.follow(ctx)
	return l.outcome(), nil
}
