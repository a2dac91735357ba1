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

// watcher shows a run while it goes on.
type watcher interface {
	ready(p *harness.Process)                     // the target is ready for steps
	stepped(p *harness.Process, n int, err error) // a step was answered, or was not
	end()                                         // the run is over
}

// watched tells w of what happens in a run of the spec, of one thing after the other.
func watched(spec harness.Spec, w watcher) harness.Spec {
	var mu sync.Mutex
	probe, step := spec.Target.Ready, spec.Load.Step
	spec.Target.Ready = func(ctx context.Context, p *harness.Process) error {
		if probe != nil {
			if err := probe(ctx, p); err != nil {
				return err
			}
		}
		w.ready(p)
		return nil
	}
	if step != nil {
		spec.Load.Step = func(ctx context.Context, p *harness.Process, n int) error {
			err := step(ctx, p, n)
			mu.Lock()
			defer mu.Unlock()
			w.stepped(p, n, err)
			return err
		}
	}
	return spec
}

type silent struct{}

func (silent) ready(*harness.Process)               {}
func (silent) stepped(*harness.Process, int, error) {}
func (silent) end()                                 {}

// stepPrinter prints a line for the ready target and for each step.
type stepPrinter struct {
	w     io.Writer
	first string // what the first line is called
}

// newStepPrinter is for a run of this spec. A target that is not waited for is not ready in the first line: it has
// only been started, and may take much more before the load begins, which is what Outcome.Baseline is of.
func newStepPrinter(w io.Writer, spec harness.Spec) *stepPrinter {
	if spec.Target.Ready == nil {
		return &stepPrinter{w, "start"}
	}
	return &stepPrinter{w, "ready"}
}

func (s *stepPrinter) ready(p *harness.Process) {
	of := "no memory.max"
	if limit := p.Cage().Limits().Max; limit > 0 && limit != harness.Unlimited {
		of = "of " + human.Size(limit)
	}
	fmt.Fprintf(s.w, "%-6s %-*s %12s   %s\n", "step", bar.Width, of, "current", "memory.events")
	s.line(s.first, p, nil)
}

func (s *stepPrinter) stepped(p *harness.Process, n int, err error) { s.line(fmt.Sprint(n), p, err) }

func (s *stepPrinter) end() {}

// line prints one reading. Of a target that did not answer it shows the peak, as the rest is
// gone with it; the kernel counts before it kills, so the events are there. One that said no lives.
func (s *stepPrinter) line(name string, p *harness.Process, failed error) {
	m, err := p.Cage().Memory()
	if err != nil {
		fmt.Fprintf(s.w, "%-6s %s\n", name, printable.Line(err.Error()))
		return
	}
	used, note := m.Current, ""
	var refused *harness.HTTPStatusError
	switch {
	case errors.As(failed, &refused):
		note = fmt.Sprintf(" (refused: %d)", refused.Code)
	case failed != nil:
		used, note = max(m.Peak, m.Current), " (no answer; the peak)"
	}
	fmt.Fprintf(s.w, "%-6s %s %12d   %s%s\n", name, bar.Draw(int64(used), int64(p.Cage().Limits().Max)), used, m.Events, note)
}
