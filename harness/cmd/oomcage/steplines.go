//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"

	"oomcage/harness"
	"oomcage/harness/internal/bar"
	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
)

// stepPrinter prints a line for the ready target and for each step that has changed something. The steps of a long load are many:
// the more lines there are, the more steps lie between two.
type stepPrinter struct {
	out   *lineQueue
	first string // what the first line is called
	many  bool   // steps are under way at once, and end in any order: lines are named by how many were acknowledged by then

	mu      sync.Mutex
	acked   int         // how many steps were acknowledged
	shown   stepReading // the last one that has a line
	pending string      // the name of the last step, where it has no line
	last    stepReading // which was read after it
	left    int         // steps without a line since the last one
	all     int         // steps without a line
	moves   pace        // of memory.current
	news    pace        // of all else
}

// stepReading is what was read after a step.
type stepReading struct {
	used   harness.Bytes
	limit  harness.Bytes
	events harness.Events
	note   string // of a step that failed
	err    string // where nothing could be read
}

// newStepPrinter is for a run of this spec. A target that is not waited for is not ready in the first line: it has
// only been started, and may take much more before the load begins, which is what Outcome.Baseline is of.
func newStepPrinter(w io.Writer, spec harness.Spec) *stepPrinter {
	first := "ready"
	if spec.Target.Ready == nil {
		first = "start"
	}
	return &stepPrinter{out: newLineQueue(w, nil), first: first, many: spec.Data().Load.MaxInFlight() > 1}
}

func (s *stepPrinter) ready(p *harness.Process) {
	r := readStep(p, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = r
	s.out.add(fmt.Sprintf("%-6s %-*s %12s   %s\n", s.column(), bar.Width, ofLimit(r.limit), "current", "memory.events") + r.line(s.first))
}

func (s *stepPrinter) stepped(p *harness.Process, n int, err error) {
	s.took(n, err, readStep(p, err))
}

// column is what the lines are named by.
func (s *stepPrinter) column() string {
	if s.many {
		return "acked"
	}
	return "step"
}

// took prints the line of step n, or keeps it as the last one.
func (s *stepPrinter) took(n int, failed error, r stepReading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left++
	if failed == nil {
		s.acked++
	}
	if s.many {
		n = s.acked
	}
	name := strconv.Itoa(n)
	if s.due(r) {
		s.print(name, r)
		return
	}
	s.pending, s.last = name, r
}

// due reports whether a reading has a line, and counts it.
func (s *stepPrinter) due(r stepReading) bool {
	if r.differs(s.shown) {
		return s.news.due(s.left)
	}
	return r.moved(s.shown) && s.moves.due(s.left)
}

// print prints the line of a step. Where the limit, of which the bars are, has moved, that has one of its own.
func (s *stepPrinter) print(name string, r stepReading) {
	line := r.line(name)
	if r.limit != s.shown.limit {
		line = fmt.Sprintf("%-6s %s\n", "", ofLimit(r.limit)+" from here on") + line
	}
	s.all += s.left - 1
	s.shown, s.pending, s.left = r, "", 0
	s.out.add(line)
}

// end prints the last step, and how many have no line.
func (s *stepPrinter) end() {
	s.mu.Lock()
	if s.pending != "" {
		s.print(s.pending, s.last)
	}
	if s.all > 0 {
		s.out.add(fmt.Sprintf("%-6s %s between these, without a line\n", "…", human.Count(s.all, "step")))
	}
	s.mu.Unlock()
	s.out.end()
}

// differs reports whether more than memory.current has changed: the limit, the state of the steps, or what the kernel has counted. At
// the limit memory.events has more of max with each page: that it begins is worth a line.
func (r stepReading) differs(last stepReading) bool {
	now, then := r.events, last.events
	return r.limit != last.limit || r.note != last.note || r.err != last.err ||
		now.OOM != then.OOM || now.OOMKill != then.OOMKill || now.OOMGroupKill != then.OOMGroupKill ||
		(now.Max > 0) != (then.Max > 0) || (now.High > 0) != (then.High > 0) || (now.Low > 0) != (then.Low > 0)
}

// moved reports whether memory.current has, by a cell of the bar or, without a limit, by as large a part of what it was.
func (r stepReading) moved(last stepReading) bool {
	whole := r.limit
	if whole <= 0 || whole == harness.Unlimited {
		whole = last.used
	}
	return max(r.used, last.used)-min(r.used, last.used) > whole/bar.Width
}

// pace has lines follow each other at ever longer distances, so that a load of a million steps has no more than a screen or two.
type pace struct{ lines int }

// Each of the first lines is printed as it comes. From then on each paceLines of them double the steps between two.
const (
	paceFirst = 16
	paceLines = 2
)

// due reports whether a line is printed so many steps after the last one, and counts it.
func (p *pace) due(steps int) bool {
	if p.lines >= paceFirst && steps < 1<<min(1+(p.lines-paceFirst)/paceLines, 40) {
		return false
	}
	p.lines++
	return true
}

// readStep reads the cage after a step. Of a target that did not answer it shows the peak, as the rest is
// gone with it; the kernel counts before it kills, so the events are there. One that said no lives.
func readStep(p *harness.Process, failed error) stepReading {
	r := stepReading{limit: inForce(p)}
	m, err := p.Cage().Memory()
	if err != nil {
		r.err = err.Error()
		return r
	}
	r.used, r.events = m.Current, m.Events
	var refused *harness.HTTPStatusError
	switch {
	case errors.As(failed, &refused):
		r.note = fmt.Sprintf(" (refused: %d)", refused.Code)
	case failed != nil:
		r.used, r.note = max(m.Peak, m.Current), " (no answer; the peak)"
	}
	return r
}

func (r stepReading) line(name string) string {
	if r.err != "" {
		return fmt.Sprintf("%-6s %s\n", name, printable.Line(r.err))
	}
	return fmt.Sprintf("%-6s %s %12d   %s%s\n", name, bar.Draw(int64(r.used), int64(r.limit)), r.used, r.events, r.note)
}
