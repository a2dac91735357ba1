package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// exitNotAll is the exit code where the program's was 0, and not all that it wrote has its own name on the host.
// A program of its own code is left that: it has failed already.
const exitNotAll = 123

const (
	// bootTime bounds the time from QEMU's start to the guest's first word. Measured: 2 s without KVM on
	// 2 idle cores (November 2026). The rest is for machines that run many guests at once.
	bootTime = 3 * time.Minute
	// leaveTime bounds how long a program that is told to end may take for it: to print its goroutines after the
	// time limit, or to put its results in order, which then come back. A sweep waits for its cages to be removed.
	leaveTime = 10 * time.Second
	// copyTime bounds how long what the program wrote may take to come back after its end: 60 MB of random bytes
	// from an emulated guest on a busy machine (0.2 MB/s, 2026-11), and much more of anything else.
	copyTime = 5 * time.Minute
	// lateCopyTime is the same after the time limit.
	lateCopyTime = 30 * time.Second
	// copyNotice is when somebody who waits for it is told how far it is.
	copyNotice = 10 * time.Second
	// stopTime bounds the wait for what was on its way when QEMU was stopped: at most one frame that is being
	// written and a few that were read ahead, which takes no time unless the reader is stuck.
	stopTime = 2 * time.Second
)

// session is one guest from its start to its end.
type session struct {
	machine machine
	job     job
	opts    Options
	limit   time.Duration
	size    int64 // of the initramfs, bytes
	along   alongFiles

	program *exitStatus // how the program ended, nil while it runs
	notes   *notes      // on what it wrote
	whole   bool        // the guest has sent all of that
	cut     bool        // it took too long

	received
	stderr []byte // of QEMU
}

// received is what the guest said about itself.
type received struct {
	booted bool
	exit   *exitStatus
	dmesg  []byte
	err    error // that ended the reading; nil after the guest's last word
}

// run starts the guest and returns the program's exit code.
func (s *session) run(ctx context.Context) (int, error) {
	code, err := s.boot(ctx)
	if err == nil || ctx.Err() != nil {
		return code, err
	}
	f := asFailure(err)
	if f.kind != noReader {
		f.Artifacts = s.keep()
	}
	return 0, f
}

func (s *session) boot(ctx context.Context) (int, error) {
	proc, err := s.machine.start()
	if err != nil {
		return 0, err
	}
	err = s.talk(ctx, proc)
	proc.stop()
	s.stderr = proc.stderr.Bytes()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if s.exit == nil && s.cut {
		s.exit = s.program
	}
	if s.exit == nil {
		return 0, s.explain(err)
	}
	if err != nil {
		return 0, err
	}
	return s.verdict()
}

// talk reads what the guest sends until its last word, the end of the line, or the time limit.
func (s *session) talk(ctx context.Context, proc *process) error {
	r := newResults(s.job.Out, s.along, s.machine.initramfs)
	frames := make(chan received, 1)
	hello := make(chan struct{})
	ended := make(chan exitStatus, 1)
	go func() { frames <- s.receive(newFrameReader(proc.conn), r, hello, ended) }()
	err := s.await(ctx, proc, frames, hello, ended, r)
	s.notes = r.finish(s.whole)
	s.notes.print(s.opts.Stderr)
	if s.exit == nil {
		for _, path := range r.grownPaths() {
			fmt.Fprintf(s.opts.Stderr, "oomcage vm: %s has what was written to it until then\n", shownPath(path))
		}
	}
	return err
}

// await waits for the end of receive and enforces the limits. Once QEMU has been stopped it does not wait
// long: receive may hang in a write that nobody reads.
func (s *session) await(ctx context.Context, proc *process, frames <-chan received, hello <-chan struct{}, ended <-chan exitStatus, r *results) error {
	stop := func() {
		proc.stop()
		select {
		case s.received = <-frames:
		case <-time.After(stopTime):
		}
		s.exit = nil // it came too late
	}
	timer := time.NewTimer(bootTime)
	defer timer.Stop()
	var reached error // what ends the guest, which the program has been told
	tell := func(sig syscall.Signal) bool {
		wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
		defer cancel()
		timer.Reset(leaveTime)
		return proc.send(wait, sig) == nil
	}
	told := ctx.Done()
	var notice <-chan time.Time
	for {
		select {
		case s.received = <-frames:
			s.whole = s.exit != nil
			if reached != nil {
				s.exit = nil // it came too late
				return reached
			}
			return s.err
		case status := <-ended:
			s.program = &status
			if told != nil { // else it has its time already
				timer.Reset(map[bool]time.Duration{true: copyTime, false: lateCopyTime}[reached == nil])
			}
			notice = time.After(copyNotice)
		case <-notice:
			fmt.Fprintf(s.opts.Stderr, "oomcage vm: the program has ended, and what it wrote is on its way: %s; Ctrl-C gives it up\n", r.progress())
		case <-told:
			told = nil
			reached = context.Cause(ctx)
			if hello != nil || !tell(syscall.SIGTERM) {
				stop()
				return reached
			}
		case <-hello:
			hello = nil
			timer.Stop()
			if s.limit > 0 {
				timer.Reset(s.limit)
			}
		case <-timer.C:
			switch {
			case s.program != nil:
				stop()
				s.cut = true
				fmt.Fprintf(s.opts.Stderr, "oomcage vm: what the program wrote took too long to come back: %s\n", r.progress())
				return reached
			case reached != nil:
				stop()
				fmt.Fprintf(s.opts.Stderr, "oomcage vm: the program did not end within %v; what it wrote in the guest is lost\n", leaveTime)
				return reached
			case hello != nil:
				stop()
				return failure(bootLimit, fmt.Sprintf("the guest said nothing for %v after QEMU was started", bootTime),
					"try another kernel with -kernel FILE, or -accel tcg")
			default:
				reached = failure(timeLimit, fmt.Sprintf("the program was still running at the time limit of %v", s.limit),
					"give it more with -timeout DURATION; its goroutines are above if it is written in Go")
				// A Go program prints its goroutines and ends; everything else just ends.
				if !tell(syscall.SIGQUIT) {
					stop()
					return reached
				}
			}
		}
	}
}

// receive handles the guest's frames until the last one.
func (s *session) receive(r *frameReader, results *results, booted chan<- struct{}, ended chan<- exitStatus) (got received) {
	for got.exit == nil && got.err == nil {
		var kind frameKind
		var payload []byte
		if kind, payload, got.err = r.next(); got.err != nil {
			break
		}
		switch kind {
		case frameHello:
			got.booted = true
			close(booted)
		case frameStdout:
			got.err = write(s.opts.Stdout, payload)
		case frameStderr:
			got.err = write(s.opts.Stderr, payload)
		case frameEnded:
			var status exitStatus
			if got.err = json.Unmarshal(payload, &status); got.err == nil {
				select {
				case ended <- status:
				default: // the guest says it once
				}
			}
		case frameComing, frameFile, frameData, frameFileEnd, frameProblem:
			results.put(kind, payload)
		case frameDmesg:
			got.dmesg = append(got.dmesg, payload...)
		case frameExit:
			var exit exitStatus
			if err := json.Unmarshal(payload, &exit); err != nil {
				got.err = fmt.Errorf("read the guest's exit status: %w", err)
				break
			}
			got.exit = &exit
		default:
			got.err = fmt.Errorf("%w: a frame of unknown kind %q", errCorrupt, kind)
		}
	}
	return got
}

func write(w io.Writer, p []byte) error {
	_, err := w.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		return failure(noReader, "nobody reads the output any more: "+err.Error(), "")
	}
	return err
}

// verdict turns the guest's last word into an exit code.
func (s *session) verdict() (int, error) {
	e := s.exit
	switch {
	case e.Error != "":
		return 0, failure(guestFailed, "the guest's init could not do its work: "+e.Error, "")
	case e.OOM != "":
		f := failure(guestOOM, "the guest as a whole ran out of memory, and its kernel killed the program", moreMemory)
		f.detail = e.OOM
		return 0, f
	case e.Signal != 0:
		sig := syscall.Signal(e.Signal)
		fmt.Fprintf(s.opts.Stderr, "oomcage vm: the program was ended by signal %d (%s) in the guest\n", e.Signal, unix.SignalName(sig))
		return 128 + e.Signal, nil
	case e.Code == 0 && !s.notes.empty():
		return exitNotAll, nil
	}
	return e.Code, nil
}
