package harness

import (
	"context"
	"errors"
	"time"

	"oomcage/harness/internal/patience"
)

const (
	// answerGrace is how long a step may still read what a target that has ended had sent.
	// On loopback the answer is there already, or never comes.
	answerGrace = time.Second
	// deathGrace is how long after a failed step the target's end is waited for: a process
	// closes its sockets while it dies, shortly before it can be waited for. 20 ms under
	// emulation (2026-11); it delays only runs whose target breaks a connection off and lives.
	deathGrace = 5 * time.Second
	// lateDeathGrace is the same when the run's time is up: that is to hold.
	lateDeathGrace = 300 * time.Millisecond
)

// awaitDeath waits, after a failed step or probe, for a target that may be dying. One that has
// answered, if only to refuse, is not; nor is one that was given up when its time was over. Then a step that
// failed for another reason, or does not say why, leaves a short wait. A run that is cancelled has no outcome,
// so there is nothing to wait for.
func awaitDeath(ctx context.Context, p *Process, failed error) {
	var refused *HTTPStatusError
	if errors.As(failed, &refused) || errors.Is(failed, errTimeout) || errors.As(failed, new(*notReadyInTime)) {
		return
	}
	grace := patience.New(deathGrace)
	defer func() { grace.End() }()
	traced := time.NewTicker(tracedPause)
	defer traced.Stop()
	ended := ctx.Done()
	for {
		select {
		case <-p.over():
			return
		case <-traced.C:
			p.noteTraced()
		case <-grace.Over:
			return
		case <-ended:
			if !timeIsUp(ctx) {
				return
			}
			ended = nil // the time is up, and the target may be dying all the same
			grace.End()
			grace = patience.New(lateDeathGrace)
		}
	}
}
