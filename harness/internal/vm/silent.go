package vm

import (
	"fmt"
	"math"
	"os"
	"time"
)

const (
	// maxSilent is how many guests that were booted may fall silent before the program has begun, or before they can be saved.
	maxSilent = 2
	// maxBoots is how many guests are booted at most. Stopped at the wrong 4 ms of its boot, a guest's clock is
	// unusable. 6 of 62 fell silent so on 2 cores at load 10 to 18 (November 2026), so five in a row are 1 of 100,000.
	maxBoots = 5

	forever = time.Duration(math.MaxInt64)

	flawHelps = "run it when the machine is less busy: the kernel measures this in the first 2 s of its boot, and lost the CPU meanwhile"
)

// attempts counts the guests that are booted for one purpose.
type attempts struct {
	boots  int // guests started so far
	silent int // of them, those that fell silent
}

// again takes into account how the last guest failed, and reports whether another may be booted. Nothing has run yet in those
// that may.
func (a *attempts) again(f *Failure) bool {
	if f.kind == silentGuest {
		a.silent++
	}
	return a.boots < maxBoots && (f.kind == flawedGuest || f.kind == silentGuest && a.silent < maxSilent)
}

// helloTime bounds the time from QEMU's start to the guest's first word.
func (s *session) helloTime() time.Duration {
	if s.saved != nil {
		return resumeTime
	}
	return bootTime
}

// beginTime bounds the time from the guest's first word to the program's start.
func (s *session) beginTime() time.Duration {
	if s.opts.test.begin != nil {
		return s.opts.test.begin(s.boots - 1)
	}
	return beginTime + time.Duration(s.size>>20)*beginTimePerMiB
}

// setDeadline starts the program's time at the first word of the first guest.
func (s *session) setDeadline() {
	if s.limit > 0 && s.deadline.IsZero() {
		s.deadline = time.Now().Add(s.limit)
	}
}

// untilDeadline is the time until the program's deadline, at most d.
func (s *session) untilDeadline(d time.Duration) time.Duration {
	if s.deadline.IsZero() {
		return d
	}
	return min(d, time.Until(s.deadline))
}

// begins reports whether the program has begun. The frame that says so may have arrived while this process, or the whole
// machine, was stopped too: it is given a moment.
func begins(begun <-chan struct{}) bool {
	select {
	case <-begun:
		return true
	case <-time.After(time.Second):
		return false
	}
}

// notBegun says why a guest is ended in which the program has not begun.
func (s *session) notBegun(hello bool) *Failure {
	var f *Failure
	switch {
	case s.untilDeadline(forever) <= 0:
		f = failure(timeLimit, fmt.Sprintf("the time limit of %v was reached, and the guest had not started the program yet", s.limit),
			"give it more with -timeout DURATION")
	case !hello:
		f = failure(silentGuest, fmt.Sprintf("the guest said nothing for %v after QEMU was started", s.helloTime()),
			"try another kernel with -kernel FILE, or -accel tcg; "+machineFile+" has the state of the machine")
	default:
		f = failure(silentGuest, fmt.Sprintf("the guest booted, and then said nothing for %v: the program had not begun", s.beginTime().Round(time.Second)),
			"read "+machineFile+": it has the registers, the interrupt controllers and the timers as they were")
	}
	console, _ := os.ReadFile(s.machine.console) // without one there is nothing to show
	return f.with(tail(console, nil))
}

// again reports whether another guest may be booted after this failure, before the time limit.
func (s *session) again(f *Failure) bool {
	over := !s.deadline.IsZero() && time.Now().After(s.deadline)
	again := s.attempts.again(f) && !over
	if !again && s.boots > 1 {
		f.Found += fmt.Sprintf(" (guest %d; in those before it the program had not begun)", s.boots)
	}
	return again
}
