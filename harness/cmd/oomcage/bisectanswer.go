//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"oomcage/harness"
	"oomcage/harness/internal/guest"
	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/sweep"
)

// The formats of an answer.
const (
	formatText       = "text"
	formatJSON       = "json"
	formatKubernetes = "kubernetes"
	formatCompose    = "compose"
	formatSystemd    = "systemd"
)

var answerFormats = []string{formatText, formatJSON, formatKubernetes, formatCompose, formatSystemd}

// answerPrinter prints what a search has found.
type answerPrinter struct {
	search   sweep.Search
	headroom float64
	stdout   io.Writer
	stderr   io.Writer
}

// answerJSON is a line of -format json.
type answerJSON struct {
	*sweep.Answer
	Write *sweep.Advice `json:"write,omitempty"` // what to write into a manifest
}

// print prints the answers.
func (p *answerPrinter) print(format string, answers []*sweep.Answer) error {
	for _, a := range answers {
		for _, warning := range a.Warnings {
			fmt.Fprintf(p.stderr, "oomcage bisect: warning: %s%s\n", p.prefix(a), printable.Line(warning))
		}
	}
	var b strings.Builder
	for i, a := range answers {
		advice := p.advice(a)
		switch {
		case format == formatJSON:
			if err := printJSON(p.stdout, answerJSON{a, advice}); err != nil {
				return err
			}
			continue
		case format == formatText:
			p.text(&b, a, advice)
			continue
		case advice == nil:
			continue // the command's error says so
		case i > 0 && format == formatSystemd:
			b.WriteString("\n")
		case i > 0:
			b.WriteString("---\n")
		}
		fmt.Fprintf(&b, "# %s%s\n", p.prefix(a), p.reason(a))
		b.WriteString(map[string]func() string{
			formatKubernetes: advice.Kubernetes, formatCompose: advice.Compose, formatSystemd: advice.Systemd,
		}[format]())
	}
	if format == formatText && len(answers) > 1 {
		p.table(&b, answers)
	}
	_, err := io.WriteString(p.stdout, b.String())
	return err
}

// prefix names one of several answers: "GOGC=50: ".
func (p *answerPrinter) prefix(a *sweep.Answer) string {
	if a.Name == "" {
		return ""
	}
	return printable.Line(a.Name) + ": "
}

func (p *answerPrinter) advice(a *sweep.Answer) *sweep.Advice {
	return a.Advise(p.search.Grid.Spec, p.search.Criteria, p.headroom, runtimeOf(a, p.search))
}

// reason is why the limit to write is that: "20 steps survived 3 of 3 runs at 165MiB, and 0 of 3 at 164MiB; 20 % above that".
func (p *answerPrinter) reason(a *sweep.Answer) string {
	text := p.sentence(a)
	if a.Well != 0 {
		text += "; " + p.wellText(a)
	}
	share := percent(p.headroom)
	return printable.Line(text + "; with a headroom of " + share.String())
}

// text is the answer for people.
func (p *answerPrinter) text(b *strings.Builder, a *sweep.Answer, advice *sweep.Advice) {
	fmt.Fprintf(b, "\n%s%s\n", p.prefix(a), p.sentence(a))
	if a.Max == 0 {
		return
	}
	if p.search.Criteria.Asked() {
		fmt.Fprintf(b, "  %s\n", p.wellText(a))
	}
	if border := a.Border; border != nil {
		fmt.Fprintf(b, "  the border is not sharp: %s, and at %v all %d did (95 %% confidence: %.0f %% of runs or more)\n",
			noneAt(border.Lo), border.Hi, a.At(border.Hi).Runs, 100*border.Sure.Lo)
	}
	if a.Sizing != nil {
		fmt.Fprintf(b, "  %s\n", a.Sizing)
	}
	b.WriteString("\n")
	p.curve(b, a)
	if advice == nil {
		return
	}
	share := percent(p.headroom)
	fmt.Fprintf(b, "\nto write: %s, %s above %s; the highest peak at that limit was %s\n", human.Size(advice.Limit), &share, human.Size(advice.From), human.Size(a.Peak))
	for _, m := range []struct{ name, lines string }{
		{"Kubernetes", advice.Kubernetes()}, {"Compose", advice.Compose()}, {"systemd", advice.Systemd()},
	} {
		fmt.Fprintf(b, "  %s\n", m.name)
		for line := range strings.Lines(m.lines) {
			fmt.Fprintf(b, "    %s", line)
		}
	}
	if s := advice.Setting; s != nil {
		fmt.Fprintf(b, "  No run has tried %s=%s, which is for the %s runtime: do so with --env.\n", s.Name, s.Value, s.Runtime)
	}
}

func noneAt(limit harness.Bytes) string {
	if limit == 0 {
		return "at each limit that was tried a run survived"
	}
	return fmt.Sprintf("at %v no run survived", limit)
}

// wellText is the answer to what was asked for beside survival.
func (p *answerPrinter) wellText(a *sweep.Answer) string {
	asked := p.search.Criteria.String()
	if a.Well == 0 {
		return "it is not well at any limit that was tried: " + asked
	}
	text := fmt.Sprintf("it is well from %v on: %s in %d of %d runs there", a.Well, asked, a.At(a.Well).Well, a.At(a.Well).Runs)
	for _, t := range slices.Backward(a.Trials) {
		if t.Max < a.Well {
			return text + fmt.Sprintf(" (%v: %d of %d)", t.Max, t.Well, t.Runs)
		}
	}
	return text
}

// curve is what was measured at each limit.
func (p *answerPrinter) curve(b *strings.Builder, a *sweep.Answer) {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "  memory.max\tsurvived")
	if p.search.Criteria.Asked() {
		fmt.Fprint(w, "\twell")
	}
	fmt.Fprintln(w, "\tpeak\tp99\tsteps/s\tpressure\trefaults")
	for _, t := range a.Trials {
		fmt.Fprintf(w, "  %v\t%d of %d", t.Max, t.Survived, t.Runs)
		if b := a.Border; b != nil && b.Lo <= t.Max && t.Max <= b.Hi {
			sure := t.Interval()
			fmt.Fprintf(w, " (%.0f–%.0f %%)", 100*sure.Lo, 100*sure.Hi)
		}
		if p.search.Criteria.Asked() {
			fmt.Fprintf(w, "\t%d of %d", t.Well, t.Runs)
		}
		fmt.Fprintf(w, "\t%s", human.Size(t.Peak))
		if t.Survived == 0 {
			fmt.Fprint(w, "\t\t\t\t\n") // or the columns end here
			continue
		}
		p99, rate := "", ""
		if t.P99 != 0 {
			p99, rate = human.Duration(t.P99), fmt.Sprintf("%.3g", t.Rate)
		}
		fmt.Fprintf(w, "\t%s\t%s\t%.3g %%\t%d\n", p99, rate, 100*t.Pressure, t.Refaults)
	}
	_ = w.Flush() // into memory
	for line := range strings.Lines(text.String()) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
}

// table has a line for each of several answers.
func (p *answerPrinter) table(b *strings.Builder, answers []*sweep.Answer) {
	b.WriteString("\n")
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	asked := p.search.Criteria.Asked()
	fmt.Fprint(w, "\tlives from")
	if asked {
		fmt.Fprint(w, "\twell from")
	}
	fmt.Fprint(w, "\tpeak\tto write\n")
	size := func(b harness.Bytes) string {
		if b == 0 {
			return "none"
		}
		return b.String()
	}
	for _, a := range answers {
		fmt.Fprintf(w, "%s\t%s", printable.Line(a.Name), size(a.Max))
		if asked {
			fmt.Fprintf(w, "\t%s", size(a.Well))
		}
		write := "none"
		if v := p.advice(a); v != nil {
			write = v.Limit.String()
		}
		fmt.Fprintf(w, "\t%s\t%s\n", human.Size(a.Peak), write)
	}
	_ = w.Flush() // into memory
}

// soFar says what was known when a search was ended.
func (p *answerPrinter) soFar(answers []*sweep.Answer) {
	for _, a := range answers {
		if a != nil && a.Max != 0 {
			fmt.Fprintf(p.stderr, "oomcage bisect: it did not come to an end; so far: %s%s\n", p.prefix(a), p.sentence(a))
		}
	}
}

// failure is the error of a search without an answer.
func (p *answerPrinter) failure(answers []*sweep.Answer) error {
	var errs []string
	for _, a := range answers {
		switch {
		case a.Max == 0:
			errs = append(errs, p.prefix(a)+"not even the upper end survives")
		case p.search.Criteria.Asked() && a.Well == 0:
			errs = append(errs, p.prefix(a)+"not even the upper end is well: "+p.search.Criteria.String())
		}
	}
	if errs == nil {
		return nil
	}
	return failed(strings.Join(errs, "; ") + p.moreRoom())
}

// moreRoom says how there is a higher upper end, where it was what the machine spares.
func (p *answerPrinter) moreRoom() string {
	if p.search.Hi != 0 {
		return ""
	}
	return "; the upper end is what this machine spares for a cage: " + guest.GiveMemory()
}

// sentence is the answer: "smallest memory.max that survives 200 steps: 143MiB (3 of 3; 142MiB: 0 of 3)".
func (p *answerPrinter) sentence(a *sweep.Answer) string {
	what := "its steps"
	switch l := p.search.Grid.Spec.Load; {
	case l.Count != 0:
		what = human.Count(l.Count, "step")
	case !p.search.Stepped():
		what = "the program's own work"
	}
	if a.Max == 0 {
		top := a.Trials[len(a.Trials)-1]
		return fmt.Sprintf("a memory.max of %v, the upper end, does not survive %s (%d of %d); nothing below it was tried", top.Max, what, top.Survived, top.Runs)
	}
	at, below := a.At(a.Max), a.Below()
	if below.Runs == 0 {
		return fmt.Sprintf("%v survives %s (%d of %d), and it is the lowest that was tried", a.Max, what, at.Survived, at.Runs)
	}
	return fmt.Sprintf("smallest memory.max that survives %s: %v (%d of %d; %s)", what, a.Max, at.Survived, at.Runs, below)
}
