package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"oomcage/harness/outcome"
)

// live runs the target and its load in the cage, and starts it again as often as the spec says. The outcome is that of the
// last life, with the others in it. The cage is the run's own, or has other targets.
func (c *Cage) live(ctx context.Context, s Spec, start time.Time, own bool) (*Outcome, *Process, error) {
	var outages outcome.OutageLog
	s.Load.outages = &outages
	schedule, due := s.Schedule, pendingOf(s.Schedule)
	var lives []outcome.Life
	var last *Outcome
	var lastProcess *Process
	for {
		s.Schedule = due.changes()
		o, p, err := c.observe(ctx, s, start)
		s.Target.made = nil
		if err != nil {
			late := errors.Is(err, errTimeout)
			err = errors.Join(err, s.Target.tmp.remove())
			if last == nil || ctx.Err() != nil && !timeIsUp(ctx) {
				return o, p, err
			}
			if !late { // otherwise it is as if that had been seen before
				last.Error = notStartedAgain(err)
			}
			return last, lastProcess, nil // what is known of it counts
		}
		due.name(o.Evidence.Applied)
		o.Lives, o.Spec.Schedule = lives, schedule
		o.Verdict, o.Why = o.Judge()
		if !s.startsAgain(ctx, o, len(lives)) {
			return o, p, nil
		}
		s.Target.tmp = p.scratch.Swap(nil)
		if err := c.endLife(ctx, p, own); err != nil {
			o.Error = notStartedAgain(errors.Join(err, s.Target.tmp.remove()))
			return o, p, nil // that something is left behind, is found once more at the end
		}
		last, lastProcess = o, p // which finish completes, where it stays the last
		life := *o
		life.Output = p.Output()
		life.Complete()
		lives = append(lives, life.Life())
		s.Load.sent += o.Attempted
		s.Load.failures += o.Failed
		c.moved(o.Evidence.Applied)
		due = due.rest(o, p.readyFor())
	}
}

func notStartedAgain(err error) string { return fmt.Sprintf("it could not be started again: %v", err) }

// pending are the changes of a schedule that have not come: as they were asked for, and as the next life is to make them.
type pending []struct{ asked, now outcome.Change }

func pendingOf(s outcome.Schedule) pending {
	due := make(pending, len(s))
	for i, c := range s {
		due[i].asked, due[i].now = c, c
	}
	return due
}

func (l pending) changes() (s outcome.Schedule) {
	for _, c := range l {
		s = append(s, c.now)
	}
	return s
}

// name has the changes that came in a life called as they were asked for.
func (l pending) name(applied []outcome.Applied) {
	for i, a := range applied {
		for _, c := range l {
			if c.now == a.Change {
				applied[i].Change = c.asked
				break
			}
		}
	}
}

// rest are those that are left for the life after this one.
func (l pending) rest(o *Outcome, ready time.Duration) (due pending) {
	for _, c := range l {
		if slices.ContainsFunc(o.Evidence.Applied, func(a outcome.Applied) bool { return a.Change == c.asked }) {
			continue
		}
		c.now = c.now.After(o.Acknowledged, ready)
		due = append(due, c)
	}
	return due
}

// moved takes in what a schedule has made of the cage's limits: the next life begins with them.
func (c *Cage) moved(applied []outcome.Applied) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range applied {
		to := a.To
		if page := Bytes(os.Getpagesize()); to != Unlimited {
			to -= to % page
		}
		if a.Error == "" {
			*a.Field(&c.limits) = to
			c.made = nil
		}
	}
}

// startsAgain reports whether the target is to be started once more: it has died, and there is time, and a part of the load.
func (s Spec) startsAgain(ctx context.Context, o *Outcome, lives int) bool {
	status := o.Evidence.Status
	switch {
	case lives >= s.Target.Restart || ctx.Err() != nil || !status.Ended:
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
		err = c.group.Empty(ctx)
	}
	return errors.Join(err, p.end(ctx))
}
