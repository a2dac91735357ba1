package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"oomcage/harness/outcome"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/internal/guest"
	"oomcage/harness/internal/sys"
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
	done   chan struct{}      // closed when the process has been waited for
	status outcome.ExitStatus // set before done is closed
	last   whereabouts        // where it ended; set before done is closed

	start   uint64                  // of the process, in the kernel's ticks; 0 if unknown
	cpu     time.Duration           // that the cage had used before it was started
	scratch atomic.Pointer[scratch] // its TMPDIR; nil where it has none, or the next life has it

	// Before it was started: how much of each tmpfs was in use, and what the cage was charged with.
	tmpfs   map[string]Bytes
	charged outcome.MemoryStat

	ready   time.Time // when it was ready for its load; zero before that
	follows *follower // nil: the run is over when the process has ended

	killed atomic.Bool // the harness, or its user through Signal, has sent SIGKILL while it ran
}

// Start starts t inside the cage, by clone3 with CLONE_INTO_CGROUP: it is never moved, so all
// that it ever allocates is charged to the cage. It gets a process group of its own, so that
// Ctrl-C on a terminal does not reach it, and stdin is empty unless Target.Stdin names a file. Start returns when the program
// has been executed; it does not wait for t.Ready. Closing the cage ends it. Of a cage with
// children, the target is started in a leaf below it: see Child.
func (c *Cage) Start(ctx context.Context, t Target) (*Process, error) {
	p, err := c.launch(ctx, t)
	if err == nil {
		p.heard.open()
	}
	return p, err
}

// launch is Start, but that the target's output is not read before p.heard is open.
func (c *Cage) launch(ctx context.Context, t Target) (*Process, error) {
	if t.Image != "" {
		return c.launchContainer(ctx, t)
	}
	if t.Path == "" {
		return nil, errors.New("start the target: it has no Path: name the executable to be caged")
	}
	if err := checkDir(t.Dir); err != nil {
		return nil, fmt.Errorf("start %s: %w", t.Path, err)
	}
	p, err := c.start(ctx, t)
	if err == nil {
		err = awaitExec(ctx, p.PID())
	}
	if err == nil {
		p.score, err = setOOMScore(p.PID(), t.OOMScoreAdj)
	}
	if err == nil {
		p.start, _ = startOf(p.PID()) // where it has ended already, all others are younger
	}
	if p != nil {
		go p.wait() // not before its score is set: until then nobody else can get its PID
		if err != nil {
			err = errors.Join(err, p.end(context.WithoutCancel(ctx)))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", t.Path, guest.ExplainMissing(explainDescriptors(err)))
	}
	return p, nil
}

// start executes the target; the caller waits for it. The cage is not locked meanwhile: to execute a program may
// take long, from a file system that does not answer for ever, and closing the cage ends that too. (All of the process
// stands where Go's collector begins meanwhile: it waits for the thread that stands in vfork.)
func (c *Cage) start(ctx context.Context, t Target) (*Process, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	as, err := accountOf(t.User)
	if err != nil {
		return nil, err
	}
	stdin, err := openStdin(t.Stdin)
	if err != nil {
		return nil, fmt.Errorf("open its stdin: %w", err)
	}
	defer stdin.Close()
	tmp, err := scratchFor(t)
	if err == nil {
		err = as.reaches(tmp)
	}
	if err != nil {
		return nil, errors.Join(err, tmp.remove())
	}
	cmd := c.command(t, as, tmp)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	// A pipe of our own: exec's would make Wait last until the last grandchild closes it.
	r, w, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, tmp.remove())
	}
	defer w.Close()
	cmd.Stdout, cmd.Stderr = w, w
	group, err := c.enter()
	if err != nil {
		r.Close()
		return nil, errors.Join(err, tmp.remove())
	}
	p := &Process{
		cage: c, group: group, cmd: cmd, name: filepath.Base(cmd.Path), pipe: r, output: &tail{},
		heard: newGate(), copied: make(chan struct{}), done: make(chan struct{}),
	}
	p.scratch.Store(tmp)
	p.cpu, _ = cpuTime(c.group) // what cannot be read now, cannot be read later
	if err := p.execute(as); err != nil {
		c.leave(nil)
		r.Close()
		return nil, errors.Join(as.explain(err, cmd.Path, cmd.Dir), tmp.remove())
	}
	go p.copyOutput()
	c.leave(p)
	return p, nil
}

// execute starts the program in its cgroup.
func (p *Process) execute(as *account) error {
	dir, err := p.group.Open()
	if err != nil {
		return err
	}
	defer dir.Close()
	p.cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd()), Setpgid: true, Credential: as.credential()}
	err = p.group.ExplainFork(p.cmd.Start())
	p.child = p.cmd.Process
	return err
}

// enter announces a target that is about to be started, and says in which cgroup. Until leave, the cage gets no
// children, and is not removed.
func (c *Cage) enter() (*cgroup.Group, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, fmt.Errorf("the cage %s is closed", c.group.Path())
	case c.contained:
		return nil, fmt.Errorf("the cage %s is for a container, and takes no other targets", c.group.Path())
	}
	group, err := c.targetGroup()
	if err == nil {
		err = group.TakeBack()
	}
	if err == nil {
		c.starting++
	}
	return group, err
}

// takeBack undoes what an earlier target has made of the cage, before a run reads the counters of what is below it.
func (c *Cage) takeBack() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.leaf != nil:
		return c.leaf.TakeBack()
	case c.delegated || c.closed:
		return nil
	}
	return c.group.TakeBack()
}

// leave takes the target into the cage, or takes note that it could not be started (nil).
func (c *Cage) leave(p *Process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.starting--
	if c.starting == 0 && c.started != nil {
		close(c.started)
		c.started = nil
	}
	if p == nil {
		return
	}
	c.processes = append(c.processes, p)
	if c.closed {
		p.harnessKills() // Close kills whatever there is by now
	}
}

// command is the target with its arguments and environment.
func (c *Cage) command(t Target, as *account, tmp *scratch) *exec.Cmd {
	args := make([]string, len(t.Args))
	for i, a := range t.Args {
		args[i] = c.address.expand(a)
	}
	// Not CommandContext: the process belongs to the cage and ends with it.
	cmd := exec.Command(t.Path, args...) //nolint:noctx // see above
	cmd.Dir = t.Dir
	cmd.Env = os.Environ()
	if as != nil {
		cmd.Env = append(cmd.Env, as.env...)
	}
	if tmp != nil {
		cmd.Env = append(cmd.Env, "TMPDIR="+tmp.dir())
	}
	for _, e := range t.Env {
		cmd.Env = append(cmd.Env, c.address.expand(e))
	}
	return cmd
}

func (p *Process) wait() {
	defer close(p.done)
	if p.held != nil {
		p.status = p.awaitContainer()
		return
	}
	awaitEnd(p.child)
	p.last = lookAt(p.PID(), p.group.Name()) // before its PID is free
	_ = p.cmd.Wait()                         // the state below says more than the error
	p.status = statusOf(p.cmd.ProcessState)
}

func statusOf(s *os.ProcessState) outcome.ExitStatus {
	if s == nil {
		return outcome.ExitStatus{Ended: true, Code: -1, Signal: outcome.UnknownSignal}
	}
	ws, _ := s.Sys().(syscall.WaitStatus)
	return statusIn(ws)
}

// statusIn reads what wait(2) says of a process that has ended.
func statusIn(ws syscall.WaitStatus) outcome.ExitStatus {
	if ws.Signaled() {
		return outcome.ExitStatus{Ended: true, Code: -1, Signal: outcome.SignalName(int(ws.Signal()))}
	}
	return outcome.ExitStatus{Ended: true, Code: ws.ExitStatus()}
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

// Status tells how the process has ended, or that it has not.
func (p *Process) Status() outcome.ExitStatus {
	select {
	case <-p.done:
		return p.status
	default:
		return outcome.ExitStatus{}
	}
}

// whereabouts tells where the process is, or was when it ended.
func (p *Process) whereabouts() (at whereabouts, ended bool) {
	if !p.Status().Ended {
		at = p.lookAround()
	}
	if p.Status().Ended { // by now: what was read may be another process's
		return p.last, true
	}
	return at, false
}

// lookAround reads where the process is. Of a container, another process waits for it, after which its PID is free.
func (p *Process) lookAround() whereabouts {
	at := lookAt(p.PID(), p.group.Name())
	if p.held != nil && p.child.Signal(syscall.Signal(0)) != nil {
		return whereabouts{}
	}
	return at
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

// leftRunning are the processes that a target which has ended by itself has left running in its cage. Those of other
// targets are not its.
func (p *Process) leftRunning() []string {
	if s := p.Status(); p.follows != nil || !s.Ended || s.Signal != "" || s.Code != 0 {
		return nil
	}
	return p.leftInCage()
}

// leftInCage names the processes in the target's cage that are not other targets', and were started later.
func (p *Process) leftInCage() []string {
	pids, err := p.group.Procs()
	if err != nil {
		return nil
	}
	others := p.cage.targetPIDs()
	var left []string
	for _, pid := range pids {
		if group, err := unix.Getpgid(int(pid)); err != nil || group != p.PID() && others[group] || p.startedBefore(int(pid)) {
			continue
		}
		if comm, err := sys.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil {
			left = append(left, fmt.Sprintf("%s[%d]", strings.TrimSpace(comm), pid))
		}
	}
	return left
}

// targetPIDs are the targets of the cage, each of which leads a process group.
func (c *Cage) targetPIDs() map[int]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	pids := map[int]bool{}
	for _, p := range c.processes {
		pids[p.PID()] = true
	}
	return pids
}

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
