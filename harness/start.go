package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/internal/guest"
)

// Start starts t inside the cage, by clone3 with CLONE_INTO_CGROUP: it is never moved, so all
// that it ever allocates is charged to the cage. It gets a process group of its own, so that
// Ctrl-C on a terminal does not reach it, and stdin is empty unless Target.Stdin names a file. Start returns when the program
// has been executed; it does not wait for t.Ready. Closing the cage ends it. Of a cage with
// children, the target is started in a leaf below it: see Child.
func (c *Cage) Start(ctx context.Context, t Target) (*Process, error) {
	p, err := c.launch(ctx, t)
	if err == nil {
		p.heard.open()
	}
	return p, err
}

// launch is Start, but that the target's output is not read before p.heard is open.
func (c *Cage) launch(ctx context.Context, t Target) (*Process, error) {
	if t.Image != "" {
		return c.launchContainer(ctx, t)
	}
	if t.Path == "" {
		return nil, errors.New("start the target: it has no Path: name the executable to be caged")
	}
	if err := checkDir(t.Dir); err != nil {
		return nil, fmt.Errorf("start %s: %w", t.Path, err)
	}
	p, err := c.start(ctx, t)
	if err == nil {
		err = awaitExec(ctx, p.PID())
	}
	if err == nil {
		p.score, err = setOOMScore(p.PID(), t.OOMScoreAdj)
	}
	if err == nil {
		p.start, _ = startOf(p.PID()) // where it has ended already, all others are younger
	}
	if p != nil {
		go p.wait() // not before its score is set: until then nobody else can get its PID
		if err != nil {
			err = errors.Join(err, p.end(context.WithoutCancel(ctx)))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", t.Path, guest.ExplainMissing(explainExec(explainDescriptors(err), t.Dir)))
	}
	return p, nil
}

// start executes the target; the caller waits for it. The cage is not locked meanwhile: to execute a program may
// take long, from a file system that does not answer for ever, and closing the cage ends that too. (All of the process
// stands where Go's collector begins meanwhile: it waits for the thread that stands in vfork.)
func (c *Cage) start(ctx context.Context, t Target) (*Process, error) {
	if err := endOf(ctx); err != nil {
		return nil, err
	}
	as, err := accountOf(t.User)
	if err != nil {
		return nil, err
	}
	stdin, err := openStdin(t.Stdin)
	if err != nil {
		return nil, fmt.Errorf("open its stdin: %w", err)
	}
	defer stdin.Close()
	tmp, err := scratchFor(t)
	if err == nil {
		err = as.reaches(tmp)
	}
	if err != nil {
		return nil, errors.Join(err, tmp.remove())
	}
	cmd := c.command(t, as, tmp)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	// A pipe of our own: exec's would make Wait last until the last grandchild closes it.
	r, w, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, tmp.remove())
	}
	defer w.Close()
	cmd.Stdout, cmd.Stderr = w, w
	group, err := c.enter()
	if err != nil {
		r.Close()
		return nil, errors.Join(err, tmp.remove())
	}
	p := &Process{
		cage: c, group: group, cmd: cmd, name: filepath.Base(cmd.Path), pipe: r, output: &tail{},
		heard: newGate(), copied: make(chan struct{}), done: make(chan struct{}),
	}
	p.scratch.Store(tmp)
	p.cpu, _ = cpuTime(c.group) // what cannot be read now, cannot be read later
	if err := p.execute(as, t.NoTHP); err != nil {
		c.leave(nil)
		r.Close()
		return nil, errors.Join(as.explain(err, cmd.Path, cmd.Dir), tmp.remove())
	}
	go p.copyOutput()
	c.leave(p)
	return p, nil
}

// execute starts the program in its cgroup.
func (p *Process) execute(as *account, noTHP bool) error {
	dir, err := p.group.Open()
	if err != nil {
		return err
	}
	defer dir.Close()
	p.cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd()), Setpgid: true, Credential: as.credential()}
	start := startWithHugePages
	if noTHP {
		start = startWithoutHugePages
	}
	err = p.group.ExplainFork(start(p.cmd.Start))
	p.child = p.cmd.Process
	return err
}

// enter announces a target that is about to be started, and says in which cgroup. Until leave, the cage gets no
// children, and is not removed.
func (c *Cage) enter() (*cgroup.Group, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, fmt.Errorf("the cage %s is closed: make another one by NewCage", c.group.Path())
	case c.contained:
		return nil, fmt.Errorf("the cage %s is for a container, and takes no other targets: make another one by NewCage", c.group.Path())
	}
	group, err := c.targetGroup()
	if err == nil {
		err = group.TakeBack()
	}
	if err == nil {
		c.starting++
	}
	return group, err
}

// takeBack undoes what an earlier target has made of the cage, before a run reads the counters of what is below it.
func (c *Cage) takeBack() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.leaf != nil:
		return c.leaf.TakeBack()
	case c.delegated || c.closed:
		return nil
	}
	return c.group.TakeBack()
}

// leave takes the target into the cage, or takes note that it could not be started (nil).
func (c *Cage) leave(p *Process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.starting--
	if c.starting == 0 && c.started != nil {
		close(c.started)
		c.started = nil
	}
	if p == nil {
		return
	}
	c.processes = append(c.processes, p)
	if c.closed {
		p.harnessKills() // Close kills whatever there is by now
	}
}

// command is the target with its arguments and environment.
func (c *Cage) command(t Target, as *account, tmp *scratch) *exec.Cmd {
	args := make([]string, len(t.Args))
	for i, a := range t.Args {
		args[i] = c.address.expand(a)
	}
	// Not CommandContext: the process belongs to the cage and ends with it.
	cmd := exec.Command(t.Path, args...) //nolint:noctx // see above
	cmd.Dir = t.Dir
	cmd.Env = os.Environ()
	if as != nil {
		cmd.Env = append(cmd.Env, as.env...)
	}
	if tmp != nil {
		cmd.Env = append(cmd.Env, "TMPDIR="+tmp.dir())
	}
	for _, e := range t.Env {
		cmd.Env = append(cmd.Env, c.address.expand(e))
	}
	return cmd
}
