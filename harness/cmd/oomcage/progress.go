//go:build linux

package main

import (
	"fmt"
	"io"

	"github.com/schollz/progressbar/v3"

	"oomcage/harness"
	"oomcage/harness/internal/printable"
)

// progress shows how far a sweep is: a bar with the time that is left on a terminal, and a line for each
// point elsewhere.
type progress struct {
	total, left, count int
	asJSON             bool
	w                  io.Writer
	bar                *progressbar.ProgressBar // nil in a pipe, and where nothing is left
	unprinted          error                    // of the first outcome that could not be printed as JSON
}

// newProgress begins to show a sweep of total points, of which left are not kept yet. The bar counts only those: the kept ones
// take no time, and would spoil the estimate of what is left.
func newProgress(total, left int, asJSON bool, w io.Writer) *progress {
	p := &progress{total: total, left: left, asJSON: asJSON, w: w}
	if drawable(w) && !asJSON && left > 0 {
		p.bar = progressbar.NewOptions(left,
			progressbar.OptionSetWriter(w), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetElapsedTime(true), progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish(),
			progressbar.OptionUseANSICodes(true))
		_ = p.bar.RenderBlank() // the first point may take a minute
	}
	return p
}

// done is told of each point.
func (p *progress) done(o *harness.Outcome, earlier bool) {
	p.count++
	switch {
	case p.asJSON:
		if err := printJSON(p.w, o); p.unprinted == nil {
			p.unprinted = err // the file has it, so the sweep goes on
		}
		return
	case p.bar != nil:
		if !earlier {
			p.bar.Describe(p.fitting(o.Name))
			_ = p.bar.Add(1) // its error is that of the terminal
		}
		return
	}
	note := ""
	if o.Predicted != nil {
		note = fmt.Sprintf(", %s predicted", o.Predicted)
	}
	if earlier {
		note += " (of an earlier run)"
	}
	fmt.Fprintf(p.w, "%*d/%d  %-*s  %s%s  %s\n", len(fmt.Sprint(p.total)), p.count, p.total, verdictWidth, o.Verdict, done(o), note, printable.Line(o.Name))
}

// done is what the target did: the steps that it took or, where there were none to take, how it ended.
func done(o *harness.Outcome) string {
	if o.Spec.Load.Name == "" {
		return fmt.Sprintf("%-*s", len("exit code 0"), o.Evidence.Status)
	}
	return fmt.Sprintf("%3d steps", o.Acknowledged)
}

// barMargin is what stands around the name in a line with a bar of 10 columns: that bar, its percentage and its
// frame, two times such as 10h20m30s, and what is between all these.
const barMargin = 45

// fitting cuts a point's name to what the terminal has room for: a bar that wraps cannot be drawn over.
func (p *progress) fitting(name string) string {
	columns, _ := terminalSize(p.w)
	return printable.Short(name, columns-barMargin-2*len(fmt.Sprint(p.left)))
}

// end returns why not all outcomes were printed as JSON: stdout has nothing else then, by which a reader would know.
func (p *progress) end() error {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
	return p.unprinted
}
