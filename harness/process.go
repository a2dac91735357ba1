package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/outcome"
)

// Process is one started target. Its methods may be called from several goroutines.
type Process struct {
	cage   *Cage
	group  *cgroup.Group // where it was started: the cage, or the leaf of its own targets
	score  int           // its oom_score_adj
	cmd    *exec.Cmd     // the target; of a container, the command of its engine that prints what it prints
	child  *os.Process   // the target
	name   string
	held   *container // nil where the target is none
	output *tail
	pipe   *os.File           // the reading end of its stdout and stderr
	heard  gate               // open when its output is read
	copied chan struct{}      // closed when all output has been read
	done   chan struct{}      // closed when the process has ended
	ending sync.Once          // closes done
	status outcome.ExitStatus // set before done is closed
	last   whereabouts        // where it ended; set before done is closed

	start   uint64                  // of the process, in the kernel's ticks; 0 if unknown
	cpu     time.Duration           // that the cage had used before it was started
	scratch atomic.Pointer[scratch] // its TMPDIR; nil where it has none, or the next life has it

	// Before it was started: how much of each tmpfs was in use, and what the cage was charged with.
	tmpfs   map[string]Bytes
	charged outcome.MemoryStat

	ready   time.Time     // when it was ready for its load; zero before that
	gone    chan struct{} // closed when the first process of a container has ended; nil of others
	follows *follower     // nil: the run is over when the process has ended

	killed atomic.Bool // the harness, or its user through Signal, has sent SIGKILL while it ran
}

// Cage is where the process runs.
func (p *Process) Cage() *Cage { return p.cage }

// PID is the process's id, as the harness sees it.
func (p *Process) PID() int {
	if p.child == nil { // a container that docker has not started
		return 0
	}
	return p.child.Pid
}

// Name is the executable's base name, or the image's.
func (p *Process) Name() string { return p.name }

// Addr is the address reserved for the cage, which replaced $ADDR.
func (p *Process) Addr() string { return p.cage.Addr() }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Status returns how the process has ended, or that it has not.
func (p *Process) Status() outcome.ExitStatus {
	select {
	case <-p.done:
		return p.status
	default:
		return outcome.ExitStatus{}
	}
}

// Wait waits until the process has ended, or ctx has.
func (p *Process) Wait(ctx context.Context) (outcome.ExitStatus, error) {
	select {
	case <-p.done:
	case <-ctx.Done():
	}
	if s := p.Status(); s.Ended { // where both have, too
		return s, nil
	}
	return outcome.ExitStatus{}, fmt.Errorf("wait for %s[%d]: %w", p.Name(), p.PID(), context.Cause(ctx))
}

// Signal sends sig to the process. os.ErrProcessDone says that it has ended before.
func (p *Process) Signal(sig os.Signal) error {
	if sig == syscall.SIGKILL {
		p.harnessKills()
	}
	if err := p.child.Signal(sig); err != nil {
		return fmt.Errorf("send %v to %s[%d]: %w", sig, p.Name(), p.PID(), err)
	}
	return nil
}

// Output is what the process has written to stdout and stderr so far, or the last 64 KiB of it.
func (p *Process) Output() string { return p.output.String() }

// harnessKills notes that a SIGKILL which ends the process now may be the harness's own.
func (p *Process) harnessKills() {
	if !p.Status().Ended {
		p.killed.Store(true)
	}
}

// end kills the process and those of its process group in its cage, and frees what it held. Other
// targets of the cage live on.
func (p *Process) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	p.harnessKills()
	var err error
	if p.held != nil { // it is alone in its cage
		err = errors.Join(p.cage.group.Kill(), p.cage.group.WaitEmpty(ctx))
	} else {
		err = p.group.KillProcessGroup(ctx, p.PID())
	}
	err = errors.Join(err, p.finish(ctx))
	if err == nil {
		p.cage.forget(p)
	}
	return err
}

// finish waits for the end of a process whose cage has been killed, and frees what it held.
func (p *Process) finish(ctx context.Context) error {
	var err error
	if p.child != nil { // a container that docker has not started has none
		_ = p.child.Kill() // where another has moved it out of the cage; otherwise it has ended
		_, err = p.Wait(ctx)
	}
	p.heard.open()
	if p.held != nil {
		err = errors.Join(err, p.held.finish(ctx))
	}
	if p.pipe == nil { // of a container that was not started
		return err
	}
	// Only a process that is not in the cage can hold the pipe now, and nobody waits for that.
	if p.pipe.SetReadDeadline(time.Now()) == nil {
		<-p.copied
	}
	p.pipe.Close()
	return errors.Join(err, p.scratch.Load().remove())
}
