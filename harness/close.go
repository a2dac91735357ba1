package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"oomcage/harness/internal/cgroup"
)

// closeTimeout bounds the killing and removal of a cage and its children. 20 processes are gone within 0.6 s
// under emulation (2026-11); the rest is for large ones and busy machines. A process that is
// stuck in the kernel never leaves.
const closeTimeout = 30 * time.Second

// Close kills every process in the cage and in its children, waits until the kernel reports it
// empty, and removes it with all below. Closing it again, or at the same time, returns the same result. A cage
// that cannot be removed is an error that names what is still in it. Files that its targets left on tmpfs
// stay charged to the cgroups above it until they are removed.
func (c *Cage) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return c.close(ctx)
}

// close is Close within the time that the cage and its children have together.
func (c *Cage) close(ctx context.Context) error {
	// All cages are marked before anything is killed. A run in a child then knows that the kill is the harness's.
	c.shut()
	c.closing.Do(func() {
		if c.closeErr = c.remove(ctx); c.closeErr != nil {
			c.closeErr = fmt.Errorf("close the cage %s: %w", c.group.Path(), c.closeErr)
		}
		openCages.remove(c)
		if c.parent != nil {
			c.parent.forgetChild(c)
		}
	})
	return c.closeErr
}

// shut lets no more targets and children into the cage and its children, and notes that what ends in them
// from now on may have been ended by the harness.
func (c *Cage) shut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, p := range c.processes {
		p.harnessKills()
	}
	for _, child := range c.children {
		child.shut()
	}
}

func (c *Cage) remove(ctx context.Context) error {
	err := c.awaitStarts(ctx)
	children, processes := c.inside()
	if len(children) > 0 {
		err = errors.Join(err, c.group.Kill()) // together, rather than one child after the other
	}
	for _, child := range children {
		err = errors.Join(err, child.close(ctx))
	}
	if c.emptied != nil && c.end(ctx, processes) == nil {
		c.emptied()
	}
	err = errors.Join(err, c.group.Remove(ctx))
	for _, p := range processes {
		err = errors.Join(err, p.finish(ctx))
	}
	return errors.Join(err, c.address.close(), c.run.release())
}

// awaitStarts waits until no target is being executed in the cage and its children. A target that entered one after the
// kill would live on, and one that is killed before it is executed may end the harness: until then it has the harness's
// memory, and with cgo its thread-local storage (CLONE_VM and CLONE_VFORK of os/exec). Programs whose execution hangs
// are killed: they stand in the kernel, and change nothing of that any more.
func (c *Cage) awaitStarts(ctx context.Context) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		started := c.beingStarted()
		if started == nil {
			return nil
		}
		hangs, err := c.executionHangs()
		if hangs {
			err = c.group.Kill()
		}
		if err != nil {
			return err
		}
		select {
		case <-started:
		case <-time.After(pause): // nobody tells when a process has come to its execution
		case <-ctx.Done():
			return fmt.Errorf("wait for a target that is being started: %w", context.Cause(ctx))
		}
	}
}

// beingStarted returns nil when no target is being executed in the cage and its children, or a channel that is closed when
// those of one of them are.
func (c *Cage) beingStarted() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.starting > 0 {
		if c.started == nil {
			c.started = make(chan struct{})
		}
		return c.started
	}
	for _, child := range c.children {
		if started := child.beingStarted(); started != nil {
			return started
		}
	}
	return nil
}

// executionHangs reports whether a process in the cage that the harness has forked stands in its execution, and none is on
// the way to it. No other is forked until the one is executed: see syscall.ForkLock.
func (c *Cage) executionHangs() (bool, error) {
	pids, err := c.group.Procs()
	if cgroup.IsGone(err) {
		return false, nil
	}
	hangs := false
	for _, pid := range pids {
		forked, inExec := forkedByUs(int(pid))
		if forked && !inExec {
			return false, nil
		}
		hangs = hangs || inExec
	}
	return hangs, err
}

// end leaves nothing of the targets but what they hold in other files than those of their TMPDIR. An error of it is
// Remove's too.
func (c *Cage) end(ctx context.Context, processes []*Process) error {
	if err := errors.Join(c.group.Kill(), c.group.WaitEmpty(ctx)); err != nil {
		return err
	}
	for _, p := range processes {
		_ = p.scratch.Load().remove() // finish returns its error
	}
	return nil
}

// inside lists what is in a cage, to which nothing is added any more.
func (c *Cage) inside() ([]*Cage, []*Process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.children), slices.Clone(c.processes)
}

func (c *Cage) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// forget drops a target that has ended and of which nothing is left, so that a cage in which many
// run one after the other does not collect them.
func (c *Cage) forget(p *Process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.processes = slices.DeleteFunc(c.processes, func(o *Process) bool { return o == p })
}

// forgetChild drops a child that has been closed.
func (c *Cage) forgetChild(child *Cage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.children = slices.DeleteFunc(c.children, func(o *Cage) bool { return o == child })
}
