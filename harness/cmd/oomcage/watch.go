//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"oomcage/harness"
	"oomcage/harness/internal/bar"
	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
)

// watcher shows a run while it goes on. Several clients may tell it of their steps at once, and none of them may wait for what is
// shown: the terminal may be slow, or stopped.
type watcher interface {
	ready(p *harness.Process)                     // the target is ready for steps
	stepped(p *harness.Process, n int, err error) // a step was answered, or was not
	end()                                         // the run is over
}

// watched tells w of what happens in a run of the spec.
func watched(spec harness.Spec, w watcher) harness.Spec {
	probe := spec.Target.Ready
	spec.Target.Ready = func(ctx context.Context, p *harness.Process) error {
		if probe != nil {
			if err := probe(ctx, p); err != nil {
				return err
			}
		}
		w.ready(p)
		return nil
	}
	spec.Load.Observe = w.stepped
	return spec
}

type silent struct{}

func (silent) ready(*harness.Process)               {}
func (silent) stepped(*harness.Process, int, error) {}
func (silent) end()                                 {}

// stepPrinter prints a line for the ready target and for each step.
type stepPrinter struct {
	out   *lineQueue
	first string // what the first line is called

	mu    sync.Mutex
	limit harness.Bytes // memory.max as it was shown last
}

// newStepPrinter is for a run of this spec. A target that is not waited for is not ready in the first line: it has
// only been started, and may take much more before the load begins, which is what Outcome.Baseline is of.
func newStepPrinter(w io.Writer, spec harness.Spec) *stepPrinter {
	first := "ready"
	if spec.Target.Ready == nil {
		first = "start"
	}
	return &stepPrinter{out: newLineQueue(w), first: first}
}

func (s *stepPrinter) ready(p *harness.Process) {
	limit := inForce(p)
	s.mu.Lock()
	s.limit = limit
	s.mu.Unlock()
	s.out.add(fmt.Sprintf("%-6s %-*s %12s   %s\n", "step", bar.Width, ofLimit(limit), "current", "memory.events") + s.line(s.first, p, nil, limit))
}

func (s *stepPrinter) stepped(p *harness.Process, n int, err error) {
	limit := inForce(p)
	line := s.moved(limit) + s.line(fmt.Sprint(n), p, err, limit)
	s.out.add(line)
}

// moved is a line of its own where the limit, of which the bars are, has moved since the last one.
func (s *stepPrinter) moved(limit harness.Bytes) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if limit == s.limit {
		return ""
	}
	s.limit = limit
	return fmt.Sprintf("%-6s %s\n", "", ofLimit(limit)+" from here on")
}

// inForce is memory.max as it is now: a schedule moves it. Of a cage that is gone it is what it was made with.
func inForce(p *harness.Process) harness.Bytes {
	if limit, err := p.Cage().Max(); err == nil {
		return limit
	}
	return p.Cage().Limits().Max
}

// ofLimit prints "of 64 MiB".
func ofLimit(limit harness.Bytes) string {
	if limit > 0 && limit != harness.Unlimited {
		return "of " + human.Size(limit)
	}
	return "no memory.max"
}

func (s *stepPrinter) end() { s.out.end() }

// line is one reading. Of a target that did not answer it shows the peak, as the rest is
// gone with it; the kernel counts before it kills, so the events are there. One that said no lives.
func (s *stepPrinter) line(name string, p *harness.Process, failed error, limit harness.Bytes) string {
	m, err := p.Cage().Memory()
	if err != nil {
		return fmt.Sprintf("%-6s %s\n", name, printable.Line(err.Error()))
	}
	used, note := m.Current, ""
	var refused *harness.HTTPStatusError
	switch {
	case errors.As(failed, &refused):
		note = fmt.Sprintf(" (refused: %d)", refused.Code)
	case failed != nil:
		used, note = max(m.Peak, m.Current), " (no answer; the peak)"
	}
	return fmt.Sprintf("%-6s %s %12d   %s%s\n", name, bar.Draw(int64(used), int64(limit)), used, m.Events, note)
}
