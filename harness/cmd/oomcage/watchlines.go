//go:build linux

package main

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"oomcage/harness"
	"oomcage/harness/internal/bar"
	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
)

// watchPrinter prints a line for a reading that differs much from the one before, and for each kill. The watch never waits for it.
type watchPrinter struct {
	out   *lineQueue
	begun bool
	last  outcome.Sample
}

// newWatchPrinter calls failed where nobody reads the lines any more.
func newWatchPrinter(w io.Writer, failed func()) *watchPrinter {
	return &watchPrinter{out: newLineQueue(w, failed)}
}

func (p *watchPrinter) end() { p.out.end() }

// watchEvery is how often a line is printed where nothing but memory.current changes.
const watchEvery = time.Second

// notable is by which part of the limit memory.current has to change, or else of what it was.
const notable = 20

func (p *watchPrinter) seen(now outcome.Sample, limit harness.Bytes) {
	if !p.begun {
		p.out.add(fmt.Sprintf("%-8s %-*s %12s   %s\n", "after", bar.Width, ofLimit(limit), "current", "memory.events since"))
	} else if !p.differs(now, limit) {
		return
	}
	p.begun, p.last = true, now
	p.out.add(fmt.Sprintf("%-8s %s %12d   %s\n", human.Duration(now.At.Round(100*time.Millisecond)), bar.Draw(int64(now.Current), int64(limit)), now.Current, now.Events))
}

func (p *watchPrinter) differs(now outcome.Sample, limit harness.Bytes) bool {
	if now.Events.OOM != p.last.Events.OOM || now.Events.OOMKill != p.last.Events.OOMKill {
		return true
	}
	part := cmp.Or(limit, p.last.Current)
	moved := max(now.Current, p.last.Current) - min(now.Current, p.last.Current)
	return now.At-p.last.At >= watchEvery && moved >= part/notable && moved > 0
}

func (p *watchPrinter) lived(l outcome.Life) {
	p.out.add(fmt.Sprintf("%-8s %s: %s\n", human.Duration(l.Until.Round(100*time.Millisecond)), printable.Line(l.String()), printable.Line(l.Why)))
	p.begun = false
}
