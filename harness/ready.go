package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"time"

	"oomcage/harness/internal/patience"
)

const (
	// outputGrace is how long a probe may take to ask for the target's output before that is read for the tail alone. What
	// a pipe holds (64 KiB) waits meanwhile, and so does a target that prints more. OutputReady asks in microseconds.
	outputGrace = 100 * time.Millisecond
	// lastLines is how long the last lines of a target that has ended may take to be read. They are in the pipe already.
	lastLines = 300 * time.Millisecond
)

// notReadyInTime is the cause of a probe's context that ended because Target.ReadyTimeout was up.
type notReadyInTime struct{ limit time.Duration }

// Error says how long it was waited for.
func (e *notReadyInTime) Error() string { return fmt.Sprintf("it was not ready within %v", e.limit) }

// awaitReady runs the target's probe, which ends with the target.
func awaitReady(ctx context.Context, t Target, p *Process) error {
	if t.Ready == nil {
		p.heard.open()
		return nil
	}
	defer p.heard.open()
	if t.ReadyTimeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, t.ReadyTimeout, &notReadyInTime{t.ReadyTimeout})
		defer stop()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-p.over():
			cancel(fmt.Errorf("the target ended: %s", p.Status()))
		case <-ctx.Done():
		}
	}()
	err := heed(ctx, func() error {
		defer patience.AfterFunc(outputGrace, p.heard.open).End() // not before the probe has a CPU
		return withCause(ctx, t.Ready(ctx, p))
	})
	if errors.As(err, new(*unheeded)) {
		return fmt.Errorf("the probe: %w", err)
	}
	return err
}

// TCPReady is a probe that waits until something listens on $ADDR. It sends nothing; where the target
// has an endpoint for its health, HTTPReady says more.
func TCPReady() Probe {
	return func(ctx context.Context, p *Process) error {
		return untilReady(ctx, p, func(ctx context.Context) error {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.Addr())
			if err != nil {
				return err
			}
			return conn.Close()
		})
	}
}

// UnixReady is TCPReady for a Unix socket: of this path, or of this name where it begins with @ (unix(7)). $ADDR, $HOST, $PORT and $PID are replaced in it as in Exec.
func UnixReady(path string) Probe {
	return func(ctx context.Context, p *Process) error {
		at := p.cage.address.expandFor(path, p.PID())
		if len(at) > maxUnixPath {
			return fmt.Errorf("wait until %s is ready: no socket can be at %s, as paths of sockets have %d bytes at most", p.Name(), at, maxUnixPath)
		}
		return untilReady(ctx, p, func(ctx context.Context) error {
			conn, err := new(net.Dialer).DialContext(ctx, "unix", at)
			if err != nil {
				return err
			}
			return conn.Close()
		})
	}
}

// maxUnixPath is what sun_path holds, and the byte behind it (unix(7)).
const maxUnixPath = 107

// OutputReady is a probe that waits for a line of the target's output, stdout or stderr, in which re matches. It sees each
// whole line, without its end, from the first one on and however fast others follow; of a line it takes the first 64 KiB. Nothing
// is asked again and again: the line itself wakes it.
func OutputReady(re *regexp.Regexp) Probe {
	return func(ctx context.Context, p *Process) error {
		w := p.output.watch(re)
		defer p.output.forget(w)
		p.heard.open()
		var over error
		select {
		case <-w.found:
			return nil
		case <-p.copied:
			over = errors.New("its output has ended")
		case <-ctx.Done():
			over = context.Cause(ctx)
			if p.isOver() {
				grace := patience.New(lastLines)
				defer grace.End()
				select {
				case <-p.copied:
				case <-w.found:
				case <-grace.Over: // others hold the pipe
				}
			}
		}
		select {
		case <-w.found:
			return nil
		default:
			return fmt.Errorf("wait until %s is ready: %w; before that: no line of its output matches %q: %s", p.Name(), over, re, p.output.seen(w))
		}
	}
}

// ExecReady is a probe that runs a command outside the cage, as Exec does, until it ends with exit code 0. It is run again
// up to 20 times a second, and killed when the probe's time is up.
func ExecReady(words ...string) Probe {
	return func(ctx context.Context, p *Process) error {
		if len(words) == 0 {
			return errors.New("the probe has no command to run: give ExecReady a program and its arguments")
		}
		return untilReady(ctx, p, func(ctx context.Context) error {
			var out tail
			return execFor(ctx, p, words, &out, &out)
		})
	}
}

// probeTry is how long a probe may take before it is made anew: a target that is being started may accept a connection and never
// answer on it. The next one has twice as long.
const probeTry = 5 * time.Second

// unanswered is why a try of a probe was given up.
type unanswered struct{ after time.Duration }

// Error says how long it was waited for.
func (e *unanswered) Error() string { return fmt.Sprintf("it did not answer within %v", e.after) }

// untilReady asks until it is answered, or ctx ends; the error names the last failure.
func untilReady(ctx context.Context, p *Process, ask func(ctx context.Context) error) error {
	p.heard.open()
	// A listener cannot be awaited by an event: there is none until it exists.
	var last error
	pause := time.Millisecond
	for try := probeTry; ; {
		once, giveUp := context.WithTimeoutCause(ctx, try, &unanswered{try})
		err := withCause(once, ask(once))
		giveUp()
		if err == nil {
			return nil
		}
		if errors.As(err, new(*unanswered)) {
			try *= 2 // it may be slow, and not hang
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s is ready: %w; before that: %w", p.Name(), context.Cause(ctx), last)
		case <-time.After(pause):
		}
		pause = min(2*pause, 50*time.Millisecond)
	}
}
