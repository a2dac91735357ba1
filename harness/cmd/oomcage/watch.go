//go:build linux

package main

import (
	"context"

	"oomcage/harness"
	"oomcage/harness/internal/human"
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
