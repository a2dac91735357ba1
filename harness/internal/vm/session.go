package vm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// bootTime bounds the time from QEMU's start to the guest's first word. Measured: 2 s without KVM on
	// 2 idle cores (November 2026). The rest is for machines that run many guests at once.
	bootTime = 3 * time.Minute
	// leaveTime bounds how long a program that is told to end may take for it: to print its goroutines after the
	// time limit, or to put its results in order, which then come back. A sweep waits for its cages to be removed.
	leaveTime = 10 * time.Second
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
	results onTheHost

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
	results, extracted := s.extractor()
	frames := make(chan received, 1)
	hello := make(chan struct{})
	moved := make(chan struct{}, 1)
	go func() { frames <- s.receive(newFrameReader(proc.conn), results, hello, moved) }()
	err := s.await(ctx, proc, frames, hello, moved)
	results.Close()
	exErr := <-extracted
	if exErr == nil {
		return err
	}
	f := failure(badResults, "the files that the program wrote could not be carried back: "+exErr.Error(), "")
	if err != nil { // it is what the caller hears of
		fmt.Fprintln(s.opts.Stderr, "oomcage vm:", f)
		return err
	}
	return f
}

// await waits for the end of receive and enforces the limits. Once QEMU has been stopped it does not wait
// long: receive may hang in a write that nobody reads.
func (s *session) await(ctx context.Context, proc *process, frames <-chan received, hello, moved <-chan struct{}) error {
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
	ended := ctx.Done()
	for {
		select {
		case s.received = <-frames:
			if reached != nil {
				s.exit = nil // it came too late
				return reached
			}
			return s.err
		case <-moved: // results on their way are waited for, however slow the line is
			if reached != nil {
				timer.Reset(leaveTime)
			}
		case <-ended:
			ended = nil
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
func (s *session) receive(r *frameReader, results io.Writer, booted, moved chan<- struct{}) (got received) {
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
		case frameResults:
			_, _ = results.Write(payload) // what goes wrong there, the extractor returns
			select {
			case moved <- struct{}{}:
			default:
			}
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

// extractor starts the goroutine that writes the results. Close the writer, then read the error.
func (s *session) extractor() (io.WriteCloser, <-chan error) {
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		br := make([]byte, 1)
		if _, err := io.ReadFull(r, br); err != nil {
			done <- nil // no results at all; the guest says why
			return
		}
		err := extract(io.MultiReader(bytes.NewReader(br), r), s.job.Out, s.results)
		// Unread padding must not block the writer.
		_, _ = io.Copy(io.Discard, r)
		done <- err
	}()
	return w, done
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
	}
	return e.Code, nil
}
