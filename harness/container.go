package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/internal/engine"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
)

// container is what a target is in that an engine has made.
type container struct {
	engine engine.Engine
	id     string // empty: it may be there all the same, where making it was cut short
	owner  engine.Owner
	before snapshot // of the cage, before the container was made

	mu       sync.Mutex
	attach   *exec.Cmd     // starts the container, prints what it prints, and ends with it; nil before that
	attached chan struct{} // closed when that has ended

	gone sync.Once
	err  error // set by gone
}

const (
	// prepareTimeout is how long an engine may take to make a container. As removeTimeout.
	prepareTimeout = 5 * time.Minute
	// imageTimeout is how long an engine may take to tell of an image. 2 s under emulation (2026-11).
	imageTimeout = 30 * time.Second
	// engineGrace is how long an engine may take to print the rest of what a container that has ended has printed. 1 s under emulation, and 10 s where that has a tenth of a processor (2026-11).
	engineGrace = 20 * time.Second
	// endTimeout is how long an engine may take to say how a container has ended, where the kernel does not. As above.
	endTimeout = time.Minute
	// removeTimeout is how long an engine may take to remove a container. 3 s under emulation, and above 30 s where that has
	// a tenth of a processor (2026-11).
	removeTimeout = 2 * time.Minute
)

// image is the image of a container, with its id.
func (t Target) image() (outcome.Executable, error) {
	e, err := engine.Find(t.Engine)
	if err != nil {
		return outcome.Executable{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), imageTimeout)
	defer cancel()
	id, err := e.ImageID(ctx, t.Image)
	return outcome.Executable{Path: t.Image, SHA256: id}, err
}

// leftContainers are removed once a process, of each engine.
var leftContainers sync.Map

// engineFor finds an engine that can start containers below cages, and removes those that killed runs have left.
func engineFor(ctx context.Context, name string) (engine.Engine, error) {
	e, err := engine.Find(name)
	if err == nil {
		err = e.Check(ctx)
	}
	if err != nil {
		return e, err
	}
	if _, done := leftContainers.LoadOrStore(e.Path, true); done {
		return e, nil
	}
	lines, err := e.RemoveLeft(ctx)
	for _, line := range lines {
		fmt.Fprintln(os.Stderr, "oomcage:", printable.Line(line))
	}
	return e, err
}

// prepare has the engine make the container of a target before the time of its run begins; nil where it has none. What an engine
// takes for that is nothing of the target's.
func (c *Cage) prepare(ctx context.Context, t Target) (*Process, error) {
	if t.Image == "" {
		return nil, nil //nolint:nilnil // both are meant
	}
	ctx, cancel := context.WithTimeoutCause(ctx, prepareTimeout, fmt.Errorf("its engine took longer than %v", prepareTimeout))
	defer cancel()
	p, err := c.makeContainer(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("make a container of %s: %w", t.Image, explainDescriptors(err))
	}
	return p, nil
}

// launchContainer is launch for an image.
func (c *Cage) launchContainer(ctx context.Context, t Target) (p *Process, err error) {
	if p = t.made; p == nil {
		if p, err = c.prepare(ctx, t); err != nil {
			return nil, err
		}
	}
	if err := p.startContainer(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start a container of %s: %w", t.Image, explainDescriptors(err)), p.end(context.WithoutCancel(ctx)))
	}
	return p, nil
}

// makeContainer has podman do all but execute the program: the first process is there, in its cgroup below the cage.
func (c *Cage) makeContainer(ctx context.Context, t Target) (*Process, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	e, err := engineFor(ctx, t.Engine)
	if err != nil {
		return nil, err
	}
	spec, err := c.containerSpec(t)
	if err != nil {
		return nil, err
	}
	if err := c.enterContainer(); err != nil {
		return nil, err
	}
	h := &container{engine: e, owner: spec.Owner, before: c.before(), attached: make(chan struct{})}
	p := &Process{
		cage: c, name: t.data().Name(), held: h, output: &tail{}, score: spec.OOMScoreAdj,
		heard: newGate(), copied: make(chan struct{}), done: make(chan struct{}), gone: make(chan struct{}),
	}
	p.cpu, _ = cpuTime(c.group) // what cannot be read now, cannot be read later
	if h.id, err = e.Create(ctx, spec); err == nil {
		err = startWithHugePages(func() error { return h.engine.Init(ctx, h.id) })
	}
	if err == nil && e.Name == engine.Podman {
		err = p.adopt(ctx)
	}
	if err != nil {
		c.leave(nil)
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		return nil, errors.Join(err, c.group.Kill(), h.finish(ending))
	}
	c.leave(p)
	if p.child != nil {
		go p.wait()
	}
	return p, nil
}

// containerSpec is what the engine is asked for.
func (c *Cage) containerSpec(t Target) (engine.Spec, error) {
	place, err := engine.Here()
	if err != nil {
		return engine.Spec{}, err
	}
	s := engine.Spec{
		Image: t.Image, Dir: t.Dir, User: t.User, Cgroup: c.group.Name(), Owner: engine.Owner{Cage: c.group.Path(), Place: place},
		ContainerPort: t.Port, HostPort: c.address.port,
	}
	if t.OOMScoreAdj != nil {
		s.OOMScoreAdj = *t.OOMScoreAdj
	}
	at := c.address.at()
	if t.Port != 0 {
		at = endpoint{"0.0.0.0", t.Port}
	}
	words := t.Args
	if t.Path != "" {
		words = append([]string{t.Path}, words...)
	}
	for _, w := range words {
		s.Command = append(s.Command, at.expand(w, 0))
	}
	for _, v := range t.Env {
		s.Env = append(s.Env, at.expand(v, 0))
	}
	return s, nil
}

// enterContainer is enter for a container: it gets a cgroup of its own below the cage, which has nothing else.
func (c *Cage) enterContainer() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	const alone = "a container has a cage of its own: make another with NewCage, or a child for each container of one"
	switch {
	case c.closed:
		return fmt.Errorf("the cage %s is closed: make another one by NewCage", c.group.Path())
	case len(c.children) > 0:
		return fmt.Errorf("the cage %s has children: %s", c.group.Path(), alone)
	case len(c.processes) > 0 || c.starting > 0:
		return fmt.Errorf("the cage %s has a target already: %s", c.group.Path(), alone)
	}
	if err := c.delegate(); err != nil {
		return err
	}
	c.contained = true
	c.starting++
	return nil
}

// willHold notes before a run whether its counters are to be read as those of a container.
func (c *Cage) willHold(t Target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.contained = c.contained || t.Image != ""
}

func (c *Cage) holdsContainer() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.contained
}

// containerGroup is the cgroup of the container in the cage, which may be gone, or nil.
func (c *Cage) containerGroup() *cgroup.Group {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.container
}

// startContainer executes the container's program.
func (p *Process) startContainer(ctx context.Context) error {
	h := p.held
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer w.Close()
	p.pipe = r
	go p.copyOutput()
	if err := h.start(w); err != nil {
		return err
	}
	starting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		select {
		case <-h.attached: // it could not be started, or has ended
			stop(errNotStarted)
		case <-starting.Done():
		}
	}()
	if p.child == nil { // docker makes and starts it in one
		if err = p.adopt(starting); err == nil {
			go p.wait()
		}
	}
	if err == nil {
		err = awaitExec(starting, p.PID())
	}
	if errors.Is(err, errNotStarted) {
		p.heard.open()
		w.Close()
		<-p.copied
		err = fmt.Errorf("%s start: %s", h.engine.Name, printable.Line(h.engine.WhyNotStarted(ctx, h.id, p.Output())))
	}
	return err
}

var errNotStarted = errors.New("its engine could not start it")

// start has the engine start the program, and write what that prints to w.
func (h *container) start(w *os.File) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	attach := h.engine.Attach(h.id)
	attach.Stdout, attach.Stderr = w, w
	if err := startWithHugePages(attach.Start); err != nil {
		return err
	}
	h.attach = attach
	go func() {
		defer close(h.attached)
		_ = attach.Wait() // the container's own end says more
	}()
	return nil
}
