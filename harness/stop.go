package harness

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"oomcage/harness/outcome"
)

// askToEnd sends the signal of a stop to a target that lives, and waits up to the grace for its end. nil: it was not asked, as
// there is no stop, the target has ended before, or the run is over.
func (p *Process) askToEnd(ctx context.Context, asked *Stop, start time.Time) *outcome.Stopped {
	if asked == nil || p.Status().Ended || ctx.Err() != nil {
		return nil
	}
	with, number, err := asked.Explicit()
	sent := time.Now()
	s := &outcome.Stopped{Stop: with, At: sent.Sub(start)}
	if err == nil {
		err = p.Signal(syscall.Signal(number))
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
	_, err = p.Wait(grace)
	s.Took = time.Since(sent)
	s.Ended = err == nil
	s.TimeUp = !s.Ended && timeIsUp(ctx)
	return s
}
