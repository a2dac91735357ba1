package vm

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// signs tell what has arrived. hello, begun and last are closed, once.
type signs struct {
	hello, begun chan struct{}
	ended        chan exitStatus // of the program
	last         chan struct{}   // the guest's last word: all that it has to say is here, if not all is printed yet
}

func newSigns() signs {
	return signs{hello: make(chan struct{}), begun: make(chan struct{}), ended: make(chan exitStatus, 1), last: make(chan struct{})}
}

// waiting waits for the end of receive and enforces the limits.
type waiting struct {
	*session
	proc    *process
	frames  <-chan received
	signs   signs
	results *results

	timer              *time.Timer
	hello, begun, last <-chan struct{} // nil once they have come
	reached            error           // what ends the guest, which the program has been told
}

func (s *session) newWaiting(proc *process, frames <-chan received, signs signs, r *results) *waiting {
	return &waiting{
		session: s, proc: proc, frames: frames, signs: signs, results: r,
		timer: time.NewTimer(s.untilDeadline(s.helloTime())), hello: signs.hello, begun: signs.begun, last: signs.last,
	}
}

func (w *waiting) run(ctx context.Context) error {
	defer w.timer.Stop()
	told := ctx.Done()
	var notice <-chan time.Time
	over := w.opts.test.over
	for {
		select {
		case w.received = <-w.frames:
			w.whole = w.exit != nil
			if w.reached != nil {
				w.exit = nil // it came too late
				return w.reached
			}
			return w.err
		case status := <-w.signs.ended:
			w.hear()
			w.program = &status
			if w.last == nil { // all of it has come
				continue
			}
			if told != nil { // else it has its time already
				w.timer.Reset(map[bool]time.Duration{true: copyTime, false: lateCopyTime}[w.reached == nil])
			}
			notice = time.After(copyNotice)
		case <-w.last:
			w.hear()
			w.last, notice, w.whole = nil, nil, true
			if w.reached == nil { // who reads the output, with a pager for example, may take all the time
				w.timer.Reset(forever)
			}
		case <-notice:
			fmt.Fprintf(w.opts.Stderr, "oomcage vm: the program has ended, and what it wrote is on its way: %s; Ctrl-C gives it up\n", w.results.progress())
		case <-told:
			w.hear()
			told = nil
			w.reached = context.Cause(ctx)
			if w.begun != nil || w.last == nil || !w.tell(syscall.SIGTERM) {
				w.stop()
				return w.reached
			}
		case <-w.hello:
			w.hear()
		case <-w.begun:
			w.hear()
		case <-over:
			over = nil
			w.timer.Reset(0)
		case <-w.timer.C:
			if w.hear() { // and the timer is another
				continue
			}
			if err := w.expired(); err != nil {
				return err
			}
		}
	}
}

// hear takes the signs of the guest in their order, and reports whether there were any. Where this process was stopped, several have
// come at once, and select takes any of them first.
func (w *waiting) hear() (heard bool) {
	if isClosed(w.hello) {
		heard, w.hello = true, nil
		w.setDeadline()
		if w.opts.test.hello != nil {
			w.opts.test.hello(w.boots-1, w.proc)
		}
		w.timer.Reset(w.untilDeadline(w.beginTime()))
	}
	if isClosed(w.begun) {
		heard, w.begun = true, nil
		if w.reached == nil && w.program == nil {
			w.timer.Reset(w.untilDeadline(forever))
		}
	}
	return heard
}

// isClosed reports whether there is such a channel, and it was closed.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// expired is called when the time for what is waited for is over. It returns nil while there is more to wait for.
func (w *waiting) expired() error {
	switch {
	case w.last == nil: // nobody reads the output
		w.stop()
		return w.reached
	case w.program != nil:
		w.stop()
		w.cut = true
		fmt.Fprintf(w.opts.Stderr, "oomcage vm: what the program wrote took too long to come back: %s\n", w.results.progress())
		return w.reached
	case w.reached != nil:
		w.stop()
		fmt.Fprintf(w.opts.Stderr, "oomcage vm: the program did not end within %v; what it wrote in the guest is lost\n", leaveTime)
		return w.reached
	case w.begun != nil:
		w.machineState = w.proc.inspect(w.machine.cpus)
		if begins(w.signs.begun) { // meanwhile: whatever was late, it was not the guest alone
			return nil
		}
		w.stop()
		return w.notBegun(w.hello == nil)
	}
	w.reached = failure(timeLimit, fmt.Sprintf("the program was still running at the time limit of %v", w.limit),
		"give it more with -timeout DURATION; its goroutines are above if it is written in Go")
	// A Go program prints its goroutines and ends; everything else just ends.
	if !w.tell(syscall.SIGQUIT) {
		w.stop()
		return w.reached
	}
	return nil
}

// tell sends the program a signal, after which it has some time to end.
func (w *waiting) tell(sig syscall.Signal) bool {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	w.timer.Reset(leaveTime)
	return w.proc.send(ctx, sig) == nil
}

// stop ends QEMU. It does not wait long: receive may hang in a write that nobody reads.
func (w *waiting) stop() {
	w.proc.stop()
	select {
	case w.received = <-w.frames:
	case <-time.After(stopTime):
	}
	w.exit = nil // it came too late
}
