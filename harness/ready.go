package harness

import (
	"context"
	"fmt"
	"net"
	"time"
)

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

// untilReady asks until it is answered, or ctx ends; the error names the last failure.
func untilReady(ctx context.Context, p *Process, ask func(ctx context.Context) error) error {
	// A listener cannot be awaited by an event: there is none until it exists.
	var last error
	pause := time.Millisecond
	for {
		err := ask(ctx)
		if err == nil {
			return nil
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
