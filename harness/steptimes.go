package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/patience"
	"oomcage/harness/outcome"
)

// stepTimer times the steps of a run that began at start.
type stepTimer struct {
	start time.Time
	log   outcome.StepLog
}

// add takes in step n, which was sent at begin and ended at end like this.
func (t *stepTimer) add(n int, begin, end time.Time, err error) outcome.StepTime {
	s := outcome.StepTime{N: n, Begin: begin.Sub(t.start), Took: end.Sub(begin), Answer: answerOf(err)}
	t.log.Add(s)
	return s
}

// complete adds to the outcome, whose timeline and evidence are complete.
func (t *stepTimer) complete(o *Outcome) {
	o.Latency, o.StepTimes = t.log.Latency(o.Timeline, o.Evidence), t.log.Times()
}

// targetEnded is why a step was given up whose target had ended.
type targetEnded struct{ status outcome.ExitStatus }

// Error says how it ended.
func (e *targetEnded) Error() string { return fmt.Sprintf("the target ended: %s", e.status) }

// whileTargetRuns is a context that ends with ctx, and a while after the target: what that had sent may still be read.
func whileTargetRuns(ctx context.Context, p *Process) (context.Context, context.CancelFunc) {
	running, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-running.Done():
			return
		case <-p.over():
		}
		grace := patience.New(answerGrace)
		defer grace.End()
		select {
		case <-running.Done():
		case <-grace.Over:
			cancel(&targetEnded{p.Status()})
		}
	}()
	return running, func() { cancel(nil) }
}

// answerOf is the kind of a step's error. Why its context ended says more than what that made of the connection.
func answerOf(err error) outcome.Answer {
	if err == nil { // what errors.As needs is on the heap
		return outcome.AnswerOK
	}
	var status *HTTPStatusError
	var timeout net.Error
	switch {
	case errors.As(err, &status):
		return outcome.HTTPAnswer(status.Code)
	case errors.As(err, new(*targetEnded)):
		return outcome.AnswerEnded
	case errors.Is(err, errTimeout), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return outcome.AnswerTimeout
	case errors.Is(err, unix.ECONNREFUSED):
		return outcome.AnswerRefused
	case errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE):
		return outcome.AnswerReset
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return outcome.AnswerEOF
	default:
		return outcome.AnswerOther
	}
}
