package vm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// leftBehindWait bounds how long init waits for output after the program has ended: processes that it
// left behind may hold its pipes open for ever. What they write later is lost, as it is on a real machine
// for whoever waited for the program alone.
const leftBehindWait = 2 * time.Second

// program is the one process that the job is about.
type program struct {
	pid    int
	output sync.WaitGroup
}

// startProgram starts the job's program in the root cgroup, with stdin from /dev/null.
func startProgram(j job, release string, w *frameWriter) (*program, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer outW.Close()
	errR, errW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer errW.Close()
	env := append(j.Env, "OOMCAGE_VM="+release)
	// A child inherits the score of the thread group that forks it. Init must survive all others, and
	// the program must be judged as any: so the score is 0 while it is forked.
	if err := setOOMScore("0"); err != nil {
		return nil, err
	}
	proc, err := os.StartProcess(j.Path, j.Args, &os.ProcAttr{
		Dir: j.Dir, Env: env, Files: []*os.File{null, outW, errW},
		Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, fmt.Errorf("start the program: %w", err)
	}
	if err := setOOMScore("-1000"); err != nil {
		return nil, err
	}
	p := &program{pid: proc.Pid}
	p.output.Go(func() { _, _ = io.Copy(w.to(frameStdout), outR) })
	p.output.Go(func() { _, _ = io.Copy(w.to(frameStderr), errR) })
	return p, nil
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
	sent := make(chan struct{})
	go func() { p.output.Wait(); close(sent) }()
	select {
	case <-sent:
	case <-time.After(leftBehindWait):
	}
	if status.Signaled() {
		return exitStatus{Signal: int(status.Signal()), Core: status.CoreDump()}
	}
	return exitStatus{Code: status.ExitStatus()}
}

// signals passes on the signals that the host sends.
func (p *program) signals(line io.Reader) {
	r := newFrameReader(line)
	for {
		kind, payload, err := r.next()
		if err != nil {
			return
		}
		if kind == frameSignal && len(payload) == 1 {
			_ = unix.Kill(p.pid, unix.Signal(payload[0])) // gone already: nothing to do
		}
	}
}
