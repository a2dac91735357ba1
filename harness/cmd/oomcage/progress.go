package main

import (
	"fmt"
	"io"

	"github.com/schollz/progressbar/v3"

	"oomcage/harness"
)

// progress shows how far a sweep is: a bar with the time that is left on a terminal, and a line for each
// point elsewhere.
type progress struct {
	total, count int
	asJSON       bool
	w            io.Writer
	bar          *progressbar.ProgressBar // nil in a pipe
}

func newProgress(total int, asJSON bool, w io.Writer) *progress {
	p := &progress{total: total, asJSON: asJSON, w: w}
	if isTerminal(w) && !asJSON {
		p.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(w), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetElapsedTime(true), progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish(),
			progressbar.OptionUseANSICodes(true))
	}
	return p
}

// done is told of each point.
func (p *progress) done(o *harness.Outcome, earlier bool) {
	p.count++
	switch {
	case p.asJSON:
		_ = printJSON(p.w, o) // the file has it; a reader that has gone is noticed in the end
		return
	case p.bar != nil:
		p.bar.Describe(o.Name)
		_ = p.bar.Set(p.count) // its error is that of the terminal
		return
	}
	note := ""
	if o.Window != nil {
		note = fmt.Sprintf(", %s predicted", o.Window)
	}
	if earlier {
		note += " (of an earlier run)"
	}
	fmt.Fprintf(p.w, "%*d/%d  %-*s  %3d steps%s  %s\n", len(fmt.Sprint(p.total)), p.count, p.total, verdictWidth, o.Verdict, o.Acknowledged, note, o.Name)
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
