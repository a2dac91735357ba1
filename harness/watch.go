package harness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/outcome"
)

// WatchSpec says what is watched: a cgroup, or a process. One of Cgroup and PID is needed.
type WatchSpec struct {
	Name string // in results; empty: what is watched

	Cgroup string // its directory, or its name below the mount of cgroup v2
	PID    int    // one process; what is counted is its cgroup's

	For time.Duration // how long; 0: until it ends, or ctx does

	// Seen is told of each reading, with what was counted since the watch began, and of memory.max then (0: none); nil: nobody
	// is. It is to return soon: meanwhile nothing is watched.
	Seen func(now outcome.Sample, limit Bytes)
}

// Watch judges what runs already, and makes and writes nothing: it compares the counters from now on, until nothing runs in the
// cgroup any more or it is removed, until the process ends, until For is up or ctx ends. The end of ctx is no error: what was
// seen until then is the outcome. Its Evidence.Watched says how much was known. Where the cgroup is removed at once when its
// processes are gone, the kernel log, the counters above and the last reading decide; where these do not suffice, the verdict
// is Inconclusive and says why. An error says that there is nothing to watch: no such cgroup or process, or no memory
// controller.
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
	group, err := s.find()
	if err != nil {
		return nil, err
	}
	return w.life(ctx, group)
}

// Validate says what of the spec makes no sense on any machine.
func (s WatchSpec) Validate() error {
	switch {
	case s.Cgroup == "" && s.PID == 0:
		return errors.New("there is nothing to watch: name a cgroup or a process")
	case s.Cgroup != "" && s.PID != 0:
		return fmt.Errorf("the cgroup %s and process %d: one of them can be watched", s.Cgroup, s.PID)
	case s.PID < 0:
		return fmt.Errorf("watch process %d: it must be positive", s.PID)
	case s.For < 0:
		return fmt.Errorf("watch for %v: it must not be negative", s.For)
	}
	return nil
}

// find looks for the cgroup that counts.
func (s WatchSpec) find() (*cgroup.Group, error) {
	if s.PID != 0 {
		g, err := cgroup.OfProcess(s.PID)
		if err != nil {
			return nil, err
		}
		return g.Charged()
	}
	g, err := cgroup.Existing(s.Cgroup)
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
	if s.PID != 0 {
		return fmt.Sprintf("process %d", s.PID)
	}
	return "the cgroup " + s.Cgroup
}

// watching is a watch.
type watching struct {
	spec  WatchSpec
	start time.Time
	log   *kernelLog
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
