package harness

import (
	"context"
	"errors"
	"time"

	"oomcage/harness/outcome"
)

// live runs the target and its load in the cage, and starts it again as often as the spec says. The outcome is that of the
// last life, with the others in it. The cage is the run's own, or has other targets.
func (c *Cage) live(ctx context.Context, s Spec, start time.Time, own bool) (*Outcome, *Process, error) {
	var lives []outcome.Life
	schedule := s.Schedule
	var outages outcome.OutageLog
	s.Load.outages = &outages
	for {
		o, p, err := c.observe(ctx, s, start)
		if err != nil {
			return o, p, errors.Join(err, s.Target.tmp.remove())
		}
		o.Lives, o.Spec.Schedule = lives, schedule
		o.Verdict, o.Why = o.Judge()
		if !s.startsAgain(ctx, o, len(lives)) {
			return o, p, nil
		}
		s.Target.tmp = p.scratch.Swap(nil)
		if err := c.endLife(ctx, p, own); err != nil {
			return o, p, errors.Join(err, s.Target.tmp.remove())
		}
		o.Output = p.Output()
		o.Complete()
		o.Lives = nil
		o.Verdict, o.Why = o.Judge()
		lives = append(lives, o.Life())
		s.Load.sent += o.Attempted
		s.Schedule = s.Schedule.Rest(o.Evidence.Applied, o.Acknowledged, p.readyFor())
	}
}

// startsAgain reports whether the target is to be started once more: it has died, not as it was asked to, and
// there is time, and a part of the load.
func (s Spec) startsAgain(ctx context.Context, o *Outcome, lives int) bool {
	status := o.Evidence.Status
	switch {
	case lives >= s.Target.Restart || ctx.Err() != nil || !status.Ended || o.Evidence.Stop != nil:
		return false
	case s.Load.Step == nil:
		return status.Signal != "" || status.Code != 0
	}
	return s.Load.Count == 0 || s.Load.sent+o.Attempted < s.Load.Count
}

// readyFor is how long ago the target was ready; 0 where it never was.
func (p *Process) readyFor() time.Duration {
	if p.ready.IsZero() {
		return 0
	}
	return time.Since(p.ready)
}

// endLife leaves nothing running of the target's life, as a container that is started again has no processes of the last one.
func (c *Cage) endLife(ctx context.Context, p *Process, own bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	var err error
	if own {
		err = errors.Join(c.group.Kill(), c.group.WaitEmpty(ctx))
	}
	return errors.Join(err, p.end(ctx))
}
