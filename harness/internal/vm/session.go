package vm

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
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
	// beginTime bounds the time from there to the program's start, and beginTimePerMiB is added for each MiB of the
	// initramfs, whose files are listed before. Measured: 0.15 s, and 2 s beside 25 processes on 2 cores
	// (November 2026). The rest is for a host that stops QEMU for long.
	beginTime       = time.Minute
	beginTimePerMiB = 250 * time.Millisecond
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
	ran     machine // the same as it was started
	job     job
	opts    Options
	limit   time.Duration
	flags   testFlags
	carried carried
	warn    func(line string)
	size    int64 // of the initramfs, bytes
	along   alongFiles
	saved   *snapshot // that the guest is resumed from; nil: it is booted

	program *exitStatus // how the program ended, nil while it runs
	notes   *notes      // on what it wrote
	whole   bool        // the guest has sent all of that
	cut     bool        // it took too long

	attempts
	deadline time.Time // of the program; zero before a guest's first word, and without a limit

	received
	stderr       []byte // of QEMU
	machineState []byte // what QEMU's monitor told of a guest that did nothing
}

// received is what the guest said about itself.
type received struct {
	booted bool
	begun  bool // the program
	exit   *exitStatus
	dmesg  []byte
	err    error // that ended the reading; nil after the guest's last word
}

// run starts the guest and returns the program's exit code.
func (s *session) run(ctx context.Context) (int, error) {
	for {
		code, err := s.boot(ctx)
		if err == nil || ctx.Err() != nil {
			return code, err
		}
		f := asFailure(err)
		instead := s.mayBootInstead(f)
		again := !instead && s.again(f)
		if f.kind == silentGuest || f.kind != notResumed && f.kind != noReader && !again {
			f.Artifacts = s.keep()
		}
		switch {
		case instead:
			if err := s.bootInstead(ctx, f); err != nil {
				return 0, err
			}
		case again:
			s.warn(f.Found + fmt.Sprintf("; nothing has run yet, so guest %d is booted", s.boots+1) + f.kept())
		default:
			return 0, f
		}
	}
}

func (s *session) boot(ctx context.Context) (int, error) {
	s.received, s.stderr, s.machineState = received{}, nil, nil
	m := s.machine
	if s.opts.test.machine != nil {
		s.opts.test.machine(s.boots, &m)
	}
	if s.saved != nil {
		m = m.resuming(s.saved.dir)
	}
	s.boots++
	s.ran = m
	proc, err := m.start()
	if err != nil {
		return 0, err
	}
	if s.opts.test.running != nil {
		s.opts.test.running(s.boots-1, proc)
	}
	if s.saved != nil {
		err = s.saved.resume(ctx, proc)
	}
	if err == nil {
		err = s.talk(ctx, proc)
	}
	proc.stop()
	if s.booted {
		s.setDeadline() // of a guest that said hello and ended
	}
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
	signs := newSigns()
	go func() { frames <- s.receive(proc.conn, r, signs) }()
	err := s.newWaiting(proc, frames, signs, r).run(ctx)
	s.notes = r.finish(s.whole)
	if s.cut && s.notes.empty() {
		s.notes.add("what the program wrote last")
	}
	s.notes.print(s.opts.Stderr)
	if s.exit == nil {
		for _, path := range r.grownPaths() {
			fmt.Fprintf(s.opts.Stderr, "oomcage vm: %s has what was written to it until then\n", shownPath(path))
		}
	}
	return err
}

// receive handles the guest's frames until the last one.
func (s *session) receive(line net.Conn, results *results, signs signs) (got received) {
	r := newFrameReader(line)
	out := newPrinter(func() { _ = line.SetReadDeadline(time.Unix(1, 0)) }) // long ago: next returns
	defer func() {
		if err := out.close(); err != nil {
			got.err = err
		}
	}()
	for got.exit == nil && got.err == nil {
		var kind frameKind
		var payload []byte
		if kind, payload, got.err = r.next(); got.err != nil {
			break
		}
		switch kind {
		case frameStdout:
			got.err = out.print(s.opts.Stdout, payload)
		case frameStderr:
			got.err = out.print(s.opts.Stderr, payload)
		case frameComing, frameFile, frameData, frameFileEnd, frameProblem:
			results.put(kind, payload)
		default:
			got.err = got.take(kind, payload, signs)
		}
	}
	return got
}

// take notes what the guest says about itself, and gives the sign of it.
func (got *received) take(kind frameKind, payload []byte, signs signs) error {
	switch kind {
	case frameHello:
		if got.booted {
			return fmt.Errorf("%w: a second hello", errCorrupt)
		}
		got.booted = true
		close(signs.hello)
		if len(payload) > 0 {
			return failure(flawedGuest, "the guest's machine is not right: "+string(payload), flawHelps)
		}
	case frameBegun:
		if got.begun {
			return fmt.Errorf("%w: a second start of the program", errCorrupt)
		}
		got.begun = true
		close(signs.begun)
	case frameEnded:
		var status exitStatus
		if err := json.Unmarshal(payload, &status); err != nil {
			return err
		}
		select {
		case signs.ended <- status:
		default: // the guest says it once
		}
	case frameDmesg:
		got.dmesg = append(got.dmesg, payload...)
	case frameExit:
		var exit exitStatus
		if err := json.Unmarshal(payload, &exit); err != nil {
			return fmt.Errorf("read the guest's exit status: %w", err)
		}
		got.exit = &exit
		close(signs.last)
	default:
		return fmt.Errorf("%w: a frame of unknown kind %q", errCorrupt, kind)
	}
	return nil
}

// verdict turns the guest's last word into an exit code.
func (s *session) verdict() (int, error) {
	e := s.exit
	switch {
	case e.Error != "":
		return 0, failure(guestFailed, "the guest's init could not do its work: "+e.Error, "")
	case e.OOM != "":
		return 0, failure(guestOOM, "the guest as a whole ran out of memory, and its kernel killed the program", moreMemory).with(e.OOM)
	case e.Signal != 0:
		sig := syscall.Signal(e.Signal)
		fmt.Fprintf(s.opts.Stderr, "oomcage vm: the program was ended by signal %d (%s) in the guest\n", e.Signal, unix.SignalName(sig))
		return 128 + e.Signal, nil
	case e.Code == 0 && !s.notes.empty():
		return exitNotAll, nil
	}
	return e.Code, nil
}
