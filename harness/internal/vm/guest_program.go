package vm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// leftBehindWait bounds how long init waits for more output after the program has ended: processes that it
// left behind may hold its output open for ever. The time counts only while nothing comes, so that output
// on its way is never cut, however slow the line is. What comes after a pause is lost, as it is on a real
// machine for whoever waited for the program alone. It is counted in parts: while all of the guest stands still,
// as its host does, time goes on, and is one part at most. After each of them what has come meanwhile is read.
const (
	leftBehindWait  = 2 * time.Second
	leftBehindParts = 10
)

// program is the one process that the job is about.
type program struct {
	pid     int
	ended   atomic.Bool
	outputs []*os.File // our ends of its pipes and terminals
	copiers sync.WaitGroup
}

// startProgram starts the job's program in the root cgroup, with stdin from /dev/null.
func startProgram(j job, w *frameWriter) (*program, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	p := &program{}
	stdout, err := p.output(w.to(frameStdout), j.Stdout)
	if err != nil {
		return nil, err
	}
	defer stdout.Close()
	stderr := stdout // two pipes would lose the order
	if !j.Merged {
		if stderr, err = p.output(w.to(frameStderr), j.Stderr); err != nil {
			return nil, err
		}
		defer stderr.Close()
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return nil, fmt.Errorf("uname: %w", err)
	}
	env := append(j.Env, "OOMCAGE_VM="+unix.ByteSliceToString(uts.Release[:]), growingVariable+"="+guestGrowing)
	// A child inherits the score of the thread group that forks it. Init must survive all others, and
	// the program must be judged as any: so the score is 0 while it is forked.
	if err := setOOMScore("0"); err != nil {
		return nil, err
	}
	proc, err := os.StartProcess(j.Path, j.Args, &os.ProcAttr{
		Dir: j.Dir, Env: env, Files: []*os.File{null, stdout, stderr},
		Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, fmt.Errorf("start the program: %w", err)
	}
	if err := setOOMScore("-1000"); err != nil {
		return nil, err
	}
	p.pid = proc.Pid
	return p, nil
}

// output returns a file for the program to write to, which is a terminal if t is one, and a pipe if it is nil.
// What is written there is copied to w.
func (p *program) output(w io.Writer, t *terminal) (*os.File, error) {
	open := os.Pipe
	if t != nil {
		open = t.open
	}
	ours, programs, err := open()
	if err != nil {
		return nil, err
	}
	p.outputs = append(p.outputs, ours)
	p.copiers.Go(func() { p.copy(w, ours) })
	return programs, nil
}

// copy copies until no process can write to it any more. After the program's end reads wait only so
// long; a write, which may wait for the host, takes the time that it takes.
func (p *program) copy(w io.Writer, r *os.File) {
	buf := make([]byte, frameMax)
	for quiet := 0; quiet < leftBehindParts; {
		if p.ended.Load() && limitRead(r) != nil {
			return
		}
		n, err := r.Read(buf)
		switch {
		case n > 0:
			quiet = 0
			if _, err := w.Write(buf[:n]); err != nil {
				return
			}
		case errors.Is(err, os.ErrDeadlineExceeded):
			quiet++
		case err != nil:
			return
		}
	}
}

// limitRead ends a read that waits for longer than a part of leftBehindWait.
func limitRead(r *os.File) error {
	return r.SetReadDeadline(time.Now().Add(leftBehindWait / leftBehindParts))
}

// finish waits until the output has been sent.
func (p *program) finish() error {
	p.ended.Store(true)
	for _, r := range p.outputs {
		if err := limitRead(r); err != nil { // for the reads that wait already
			return fmt.Errorf("limit the wait for output: %w", err)
		}
	}
	p.copiers.Wait()
	return nil
}

func setOOMScore(score string) error {
	return os.WriteFile("/proc/self/oom_score_adj", []byte(score), 0)
}

// wait reaps every process that ends until the program has ended and its output has been sent. Orphans
// end up with init, so it must reap more than its own child: os.Process.Wait would not do.
func (p *program) wait() exitStatus {
	var status unix.WaitStatus
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return exitStatus{Error: fmt.Sprintf("wait for the program: %v", err)}
		}
		if pid == p.pid {
			status = ws
			break
		}
	}
	if err := p.finish(); err != nil {
		return exitStatus{Error: err.Error()}
	}
	if status.Signaled() {
		return exitStatus{Signal: int(status.Signal())}
	}
	return exitStatus{Code: status.ExitStatus()}
}

// signals passes on the signals that the host sends.
func (p *program) signals(host *frameReader) {
	for {
		kind, payload, err := host.next()
		if err != nil {
			return
		}
		if kind == frameSignal && len(payload) == 1 {
			_ = unix.Kill(p.pid, unix.Signal(payload[0])) // gone already: nothing to do
		}
	}
}
