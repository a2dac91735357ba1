package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"oomcage/harness/internal/printable"
)

// adopt finds the first process of the container, and makes sure that it is that.
func (p *Process) adopt(ctx context.Context) error {
	h := p.held
	var missed time.Time // when the process that the engine names was not there first
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		state, err := h.engine.Inspect(ctx, h.id)
		switch {
		case err != nil:
			return err
		case state.PID != 0:
			if err = p.take(state.PID); !errors.Is(err, errMissed) {
				return err
			}
			if missed.IsZero() { // docker takes note of an end by and by
				missed = time.Now()
			} else if time.Since(missed) > engineGrace {
				return err
			}
		case state.Ended():
			return fmt.Errorf("%s says that it has ended before it could be looked at, with exit code %d %s", h.engine.Name, state.ExitCode, printable.Line(state.Error))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for its first process: %w", context.Cause(ctx))
		case <-time.After(pause): // docker starts it when it likes
		}
	}
}

var errMissed = errors.New("and there is no such process here")

// take makes the process of that PID the target, if it is in the cage.
func (p *Process) take(pid int) error {
	// The handle first: if what /proc says then is right, and the process is still there, both are of the same.
	// Until then it may be a stranger, whom nobody is to signal.
	child, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	where := lookAt(pid, p.cage.group.Name()).group
	between := p.cage.group.Between(where)
	start, err := startOf(pid)
	there := child.Signal(syscall.Signal(0))
	switch {
	case where == "", errors.Is(there, os.ErrProcessDone):
		err = fmt.Errorf("%s says that its first process is %d, %w", p.held.engine.Name, pid, errMissed)
	case err != nil || len(between) == 0 || there != nil:
		err = fmt.Errorf("%s has put its first process (%d) into the cgroup %q, and not below the cage %s", p.held.engine.Name, pid, where, p.cage.group.Name())
	}
	if err != nil {
		_ = child.Release()
		return err
	}
	p.child, p.start, p.group = child, start, between[len(between)-1]
	p.cage.mu.Lock()
	defer p.cage.mu.Unlock()
	p.cage.container = p.group
	return nil
}
