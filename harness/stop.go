package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"oomcage/harness/outcome"
)

// askToEnd sends the signal of a stop to a target that lives, and waits up to the grace for its end. nil: it was not asked, as
// there is no stop, the target has ended before, or the run is over.
func (p *Process) askToEnd(ctx context.Context, asked *Stop, start time.Time) *outcome.Stopped {
	if asked == nil || p.isOver() || ctx.Err() != nil {
		return nil
	}
	with, number, err := asked.Explicit()
	sent := time.Now()
	s := &outcome.Stopped{Stop: with, At: sent.Sub(start)}
	if err == nil {
		err = p.signalAll(syscall.Signal(number))
	}
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	if err != nil {
		s.Error = err.Error()
		return s
	}
	grace, cancel := context.WithTimeout(ctx, with.Grace)
	defer cancel()
	err = p.awaitOver(grace)
	s.Took = time.Since(sent)
	s.Ended = err == nil
	s.TimeUp = !s.Ended && timeIsUp(ctx)
	return s
}

// signalAll sends a signal to the target or, where it has ended, to all that it has left in its cage.
func (p *Process) signalAll(sig syscall.Signal) error {
	if p.follows == nil || !p.Status().Ended {
		return p.Signal(sig)
	}
	pids, err := p.group.Procs()
	for _, pid := range pids {
		if pid == 0 { // of another PID namespace, or reaped just now; to kill(2) it is this process's own group
			continue
		}
		if e := syscall.Kill(int(pid), sig); e != nil && !errors.Is(e, syscall.ESRCH) {
			err = errors.Join(err, fmt.Errorf("send %v to process %d: %w", sig, pid, e))
		}
	}
	return err
}
