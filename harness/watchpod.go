package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"sync"
	"time"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/internal/kubelet"
	"oomcage/harness/outcome"
)

// nodeLogs is where the kubelet of this machine has its logs.
var nodeLogs = "/var/log"

// watchedPod is a pod of this node. Its cgroup is watched as a whole for who is told of its readings, and each cgroup right below by
// itself: a container that is started again gets a new one.
type watchedPod struct {
	*watching
	kubelet.Pod
	node  kubelet.Node
	group *cgroup.Group

	births     *cgroup.Births
	names      []kubelet.Container // all that were seen
	containers map[string]*podContainer
	over       chan *podContainer // each of them, once
	living     int                // how many are watched

	lives   []*podContainer // that have ended, in the order of their ends
	told    int             // of how many of them ObserveLife was told
	alive   []*podContainer // when the watch was over
	problem error
}

// podContainer is a cgroup right below a pod's, and what came of it.
type podContainer struct {
	group *cgroup.Group
	found time.Time
	over  bool          // it was taken in
	start chan struct{} // to be closed when the kubelet has named it; nil: it was, or that was before the watch

	named string // "": its name was not known at its end
	o     *Outcome
	err   error
}

// findPod looks for a pod that runs here.
func (w *watching) findPod(name string) (*watchedPod, error) {
	top, err := cgroup.At("/")
	if err != nil {
		return nil, err
	}
	p := &watchedPod{watching: w, node: kubelet.Node{Logs: nodeLogs, Cgroups: top.Path()}, containers: map[string]*podContainer{}, over: make(chan *podContainer)}
	if p.Pod, err = p.node.Find(name); err != nil {
		return nil, err
	}
	w.manager = p
	p.group, err = counting(p.Cgroup)
	return p, err
}

// hasStarted is true for whatever runs in the pod's cgroup, startsAgain as long as there is one: the kubelet removes that of a pod
// which is over, and may start the containers of any other once more.
func (p *watchedPod) hasStarted(context.Context, int) bool { return true }

func (p *watchedPod) startsAgain(context.Context) bool {
	_, err := p.group.ID()
	return err == nil
}

// exit is not known: the kubelet is asked nothing.
func (p *watchedPod) exit(context.Context, int) (outcome.ExitStatus, bool) {
	return outcome.ExitStatus{}, false
}

// restarts are not counted: each container that is started again is looked at by itself.
func (p *watchedPod) restarts(context.Context) (int, bool) { return 0, false }

// watch watches the pod until it is over, or ctx is.
func (p *watchedPod) watch(ctx context.Context) (*Outcome, error) {
	var err error
	if p.births, err = p.group.WatchBirths(); err != nil {
		return nil, fmt.Errorf("watch the pod %s: %w", p.Pod, err)
	}
	defer p.births.Close()
	ctx, end := context.WithCancel(ctx)
	defer end()
	p.oneAtATime()
	p.look(ctx, false)
	var whole *Outcome
	done := make(chan struct{})
	go func() {
		defer close(done)
		whole, err = p.watchWhole(ctx)
	}()
	looks := time.NewTicker(lookInterval)
	defer looks.Stop()
	for done != nil || p.living > 0 {
		select {
		case <-p.births.Changed:
			p.look(ctx, true)
		case <-looks.C:
			p.look(ctx, true)
		case c := <-p.over:
			p.take(c)
		case <-done:
			done = nil
			end()
		}
		if p.problem != nil {
			end()
		}
	}
	err = errors.Join(err, p.problem)
	if err != nil && (whole == nil || !p.hasSeenAnEnd()) {
		return nil, err
	}
	return p.outcome(whole), err
}

// oneAtATime has Observe, which the watch of the whole calls, and ObserveLife not be called at once.
func (p *watchedPod) oneAtATime() {
	var mu sync.Mutex
	if observe := p.spec.Observe; observe != nil {
		p.spec.Observe = func(now outcome.Sample, limit Bytes) {
			mu.Lock()
			defer mu.Unlock()
			observe(now, limit)
		}
	}
	if observe := p.spec.ObserveLife; observe != nil {
		p.spec.ObserveLife = func(l outcome.Life) {
			mu.Lock()
			defer mu.Unlock()
			observe(l)
		}
	}
}

// watchWhole watches the pod's cgroup. It may be empty for a while, as when the kubelet makes the namespaces anew.
func (p *watchedPod) watchWhole(ctx context.Context) (last *Outcome, err error) {
	for {
		o, err := p.life(ctx, p.group)
		if last != nil && cgroup.IsGone(err) { // removed before it could be looked at
			return last, nil
		}
		if err != nil {
			return last, err
		}
		if !o.Evidence.Watched.Ended || !p.awaitNext(ctx, p.group) {
			return o, nil
		}
		last = o
	}
}

// look begins to watch the cgroups that are new. What such a one has counted since it was made counts, where that was during the
// watch.
func (p *watchedPod) look(ctx context.Context, born bool) {
	if err := p.learnNames(); err != nil && !born { // later it is tried again
		p.problem = errors.Join(p.problem, err)
	}
	below, err := p.group.Children()
	if err != nil || ctx.Err() != nil {
		return // gone already, of which the watch of the whole tells
	}
	for _, g := range below {
		if p.containers[g.Name()] != nil || kubelet.IsMonitor(path.Base(g.Name())) {
			continue
		}
		c := &podContainer{group: g, found: time.Now()}
		p.containers[g.Name()] = c
		p.living++
		p.begin(ctx, c, born)
	}
	p.tellLives()
}

// begin begins to watch one, and waits until its counters were read.
func (p *watchedPod) begin(ctx context.Context, c *podContainer, born bool) {
	began := make(chan struct{})
	tell := sync.OnceFunc(func() { close(began) })
	w := &watching{start: p.start, log: openKernelLog()}
	w.spec = WatchSpec{Name: p.spec.what(), Observe: func(outcome.Sample, Bytes) { tell() }}
	if p.spec.Name != "" {
		w.spec.Name = p.spec.Name
	}
	if born {
		c.start = make(chan struct{})
		w.started = c.start
		w.before = &watchedEnd{ancestors: takeSnapshot(&Cage{group: c.group}, nil).Ancestors}
	}
	go func() {
		defer w.log.close()
		c.o, c.err = w.life(ctx, c.group)
		tell()
		if c.err == nil {
			c.named = p.awaitName(ctx, c)
		}
		p.over <- c
	}()
	<-began
}

// nameGrace is how long after a cgroup was made the kubelet may take to link to the container's log, which it does when the runtime
// has told that it started: 1 s under emulation on a busy machine (2026-11).
const nameGrace = 5 * time.Second

// awaitName looks for the name of a container that has ended: it may have done so before the kubelet has linked to its log. What has
// none by then is the one that holds the pod's namespaces, whose cgroup is as old as the pod.
func (p *watchedPod) awaitName(ctx context.Context, c *podContainer) string {
	looks := time.NewTicker(nameGrace / 100)
	defer looks.Stop()
	for {
		known, err := p.node.Containers(p.Pod)
		if name := kubelet.NameOf(path.Base(c.group.Name()), known); name != "" || err != nil || time.Since(c.found) >= nameGrace {
			return name
		}
		select {
		case <-looks.C:
		case <-ctx.Done():
			return ""
		}
	}
}

// learnNames takes in the names of the containers that the kubelet tells of now: it forgets those that are over. One that has a name
// has started.
func (p *watchedPod) learnNames() error {
	now, err := p.node.Containers(p.Pod)
	if err != nil {
		return err
	}
	for _, c := range now {
		if !slices.Contains(p.names, c) {
			p.names = append(p.names, c)
		}
	}
	for _, c := range p.containers {
		if c.start != nil && p.nameOf(c) != "" {
			close(c.start)
			c.start = nil
		}
	}
	return nil
}

// take takes in what came of one. One without a name in which nothing was killed is no life: it holds the pod's namespaces.
func (p *watchedPod) take(c *podContainer) {
	p.living--
	c.over = true
	switch {
	case cgroup.IsGone(c.err): // over before it could be looked at
		return
	case c.err != nil:
		p.problem = errors.Join(p.problem, c.err)
		return
	}
	name := cmp.Or(c.named, p.nameOf(c))
	if name == "" && c.o.Evidence.Events.OOMKill == 0 {
		return
	}
	w := c.o.Evidence.Watched
	w.Container = cmp.Or(name, path.Base(c.group.Name()))
	w.What = fmt.Sprintf("the container %s of the pod %s", w.Container, p.Pod)
	switch {
	case w.Ended:
		p.lives = append(p.lives, c)
		slices.SortStableFunc(p.lives[p.told:], func(a, b *podContainer) int { // one without a name is taken in late
			return cmp.Compare(a.o.Evidence.Watched.EndedAt, b.o.Evidence.Watched.EndedAt)
		})
	case w.Most > 0:
		p.alive = append(p.alive, c)
	}
	p.tellLives()
}

func (p *watchedPod) nameOf(c *podContainer) string {
	return kubelet.NameOf(path.Base(c.group.Name()), p.names)
}

// tellLives tells of the lives that another one follows, or is beside.
func (p *watchedPod) tellLives() {
	if p.spec.ObserveLife == nil {
		return
	}
	for _, c := range p.containers {
		if c.over || p.nameOf(c) == "" {
			continue
		}
		for _, l := range p.lives[p.told:] {
			p.spec.ObserveLife(l.o.Life())
		}
		p.told = len(p.lives)
		return
	}
}

// outcome is that of the container that ended last, or, where the watch was over first, of the one that began last: of those in which
// something was killed, if there are any. The others that ended, or in which something was, are lives before it. Of a pod that ran
// no container meanwhile it is that of its cgroup.
func (p *watchedPod) outcome(whole *Outcome) *Outcome {
	slices.SortFunc(p.alive, func(a, b *podContainer) int {
		if a.survived() != b.survived() {
			if a.survived() {
				return -1
			}
			return 1
		}
		return a.found.Compare(b.found)
	})
	all := p.lives
	for i, c := range p.alive {
		if !c.survived() || i == len(p.alive)-1 {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		return whole
	}
	o := all[len(all)-1].o
	for _, c := range all[:len(all)-1] {
		o.Lives = append(o.Lives, c.o.Life())
	}
	o.Verdict, o.Why = o.Judge()
	if p.spec.ObserveLife != nil {
		for _, l := range o.Lives[min(p.told, len(o.Lives)):] { // the last one may have been told of, and is the outcome itself
			p.spec.ObserveLife(l)
		}
	}
	return o
}

// hasSeenAnEnd reports whether a container has ended, or something has in one that lives.
func (p *watchedPod) hasSeenAnEnd() bool {
	return len(p.lives) > 0 || slices.ContainsFunc(p.alive, func(c *podContainer) bool { return !c.survived() })
}

func (c *podContainer) survived() bool { return c.o.Verdict == outcome.Survived }
