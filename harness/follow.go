package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/internal/sys"
	"oomcage/harness/outcome"
)

// follower follows what a target leaves in its cage when it ends: a run with Load.UntilEmpty is not over before the cage is
// empty.
type follower struct {
	over chan struct{} // closed when the target has ended and the cage is empty

	mu    sync.Mutex
	seen  outcome.Followed
	known map[uint64]bool // by the PIDs that this process sees
	gone  int             // the most PIDs that were 0 at once (see Group.Procs): who was being reaped may have left others
	kills *uint64         // OOM kills that were counted when the target had ended; nil: it has not, or they could not be read
}

// follow follows the target until ctx ends.
func (p *Process) follow(ctx context.Context, start time.Time) {
	f := &follower{over: make(chan struct{}), known: map[uint64]bool{}}
	p.follows = f
	go func() {
		select {
		case <-p.done:
		case <-ctx.Done():
			return
		}
		f.count(p) // before who is there is looked at: a kill in between is then one after the target's end
		f.look(p)
		f.mu.Lock()
		f.seen.At = time.Since(start)
		f.mu.Unlock()
		go f.followHeirs(ctx, p)
		if p.group.WaitEmpty(ctx) != nil {
			return // the run is over first
		}
		f.mu.Lock()
		f.seen.EmptyAt = time.Since(start)
		f.mu.Unlock()
		close(f.over)
	}()
}

// followHeirs adds who is in the cage whenever all that were known have ended: what makes a daemon of itself by two forks, as
// daemons of System V do, leaves a process that ends at once, and whose child is the daemon.
func (f *follower) followHeirs(ctx context.Context, p *Process) {
	for known := 0; ; {
		pids, gone := f.pids()
		if len(pids)+gone == known {
			return // nobody is new
		}
		known = len(pids) + gone
		for _, pid := range pids {
			if awaitMember(ctx, p.group, pid) != nil {
				return
			}
		}
		f.look(p)
	}
}

// awaitMember waits until a process has ended, or is in a cgroup no more.
func awaitMember(ctx context.Context, g *cgroup.Group, pid int) error {
	m, err := findMain(g, pid)
	switch {
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE): // it may live
		return err
	case err != nil:
		return nil
	}
	defer m.close()
	select {
	case <-m.done():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pids lists who is known, and how many more were there without a PID.
func (f *follower) pids() (pids []int, gone int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for pid := range f.known {
		pids = append(pids, int(pid))
	}
	return pids, f.gone
}

// look adds who is in the cage beside the target.
func (f *follower) look(p *Process) {
	if f == nil {
		return
	}
	pids, _ := p.group.Procs() // where it cannot be read, there is nothing to add
	f.mu.Lock()
	defer f.mu.Unlock()
	gone := 0
	defer func() { f.gone = max(f.gone, gone) }()
	for _, pid := range pids {
		if pid == 0 {
			gone++
			continue
		}
		if int(pid) == p.PID() || f.known[pid] {
			continue
		}
		f.known[pid] = true // also where it has ended by now, for then it may have left another
		comm, err := sys.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil {
			continue
		}
		f.seen.Processes = append(f.seen.Processes, outcome.FollowedProcess{PID: initialPID(int(pid)), Name: strings.TrimSuffix(comm, "\n")})
	}
}

// count notes how many kills there were before the target's end was known.
func (f *follower) count(p *Process) {
	events, err := readEvents(p.cage.group, "memory.events")
	if err != nil {
		return // the report of a kill may tell
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kills = &events.OOMKill
}

// noteFollowed adds what is known of the processes that the target has left, where it has left any. One that was killed before
// anybody had seen it is known by its kill: counted is how many there are, since the cage was made.
func (p *Process) noteFollowed(e *Evidence, counted uint64) {
	e.Followed = p.followed()
	if e.Followed == nil {
		return
	}
	p.follows.mu.Lock()
	if known := p.follows.kills; known != nil && counted > *known {
		e.Followed.KilledAfter = counted - *known
	}
	p.follows.mu.Unlock()
	if _, was := e.FollowedKill(); !was && len(e.Followed.Processes)+len(e.Followed.Left) == 0 && e.Followed.KilledAfter == 0 {
		e.Followed = nil
	}
}

// followed is what was seen of the processes that the target has left; nil where it has not ended with exit code 0.
func (p *Process) followed() *outcome.Followed {
	s := p.Status()
	if p.follows == nil || !s.Ended || s.Signal != "" || s.Code != 0 {
		return nil
	}
	p.follows.mu.Lock()
	defer p.follows.mu.Unlock()
	seen := p.follows.seen
	seen.Processes = slices.Clone(seen.Processes)
	if seen.EmptyAt == 0 {
		seen.Left = p.leftInCage()
	}
	return &seen
}

// over is closed when the run has nothing more to wait for: the target has ended or, where it is followed, its cage is empty.
func (p *Process) over() <-chan struct{} {
	if p.follows != nil {
		return p.follows.over
	}
	return p.done
}

func (p *Process) isOver() bool {
	select {
	case <-p.over():
		return true
	default:
		return false
	}
}

// awaitOver waits until it is over, or ctx is.
func (p *Process) awaitOver(ctx context.Context) error {
	select {
	case <-p.over():
	case <-ctx.Done():
	}
	if p.isOver() { // where both are, too
		return nil
	}
	return fmt.Errorf("wait for %s[%d]: %w", p.Name(), p.PID(), context.Cause(ctx))
}
