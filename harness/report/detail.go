package report

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
)

// detail is what the page shows of one point on demand.
type detail struct {
	Why      string     `json:"why"`
	Facts    [][]string `json:"facts"` // a name and a text each
	Timeline timeline   `json:"timeline"`
	Readings int        `json:"readings"` // how many the timeline had before it was thinned
	Inside   *processes `json:"inside,omitempty"`
	Evidence string     `json:"evidence,omitempty"`
	Output   string     `json:"output,omitempty"`
	Error    string     `json:"error,omitempty"`
}

// detailOf makes what the page shows of one point.
func detailOf(o *outcome.Outcome, a allowance) (detail, error) {
	least := max(a.text, minText)
	d := detail{
		Why: printable.Line(ends(o.Why, least)), Facts: facts(o, least),
		Timeline: timelineOf(o, a), Readings: len(o.Timeline), Inside: processesOf(o, a.processes()),
		Output: printable.Lines(ends(o.Output, a.text)), Error: printable.Line(ends(o.Error, a.text)),
	}
	if a.evidence {
		text, err := json.MarshalIndent(struct {
			Spec     outcome.Spec     `json:"spec"`
			Baseline outcome.Baseline `json:"baseline"`
			Evidence outcome.Evidence `json:"evidence"`
			Origin   outcome.Origin   `json:"origin,omitzero"`
		}{o.Spec, o.Baseline, o.Evidence, o.Origin}, "", "  ")
		if err != nil {
			return detail{}, err
		}
		d.Evidence = printable.Lines(ends(string(text), 2*a.text))
	}
	return d, nil
}

// facts are the evidence in words, as Outcome.String prints it.
func facts(o *outcome.Outcome, most int) [][]string {
	e := o.Evidence
	var all [][]string
	add := func(name string, parts ...string) {
		parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
		all = append(all, []string{name, printable.Line(ends(strings.Join(parts, ", "), most))})
	}
	if o.Spec.Target.Path != "" {
		add("target", strings.Join(append([]string{o.Spec.Target.Path}, o.Spec.Target.Args...), " "))
	}
	if len(o.Spec.Target.Env) > 0 {
		add("environment", strings.Join(o.Spec.Target.Env, " "))
	}
	add("ended", e.Status.String())
	add("limits", e.Limits.String())
	add("before the load", sizeText(o.Baseline.Current), sizeText(o.Baseline.File)+" of it page cache")
	if m := o.Measured; m != nil {
		add("a step took", tookEach(o), "± "+sizeText(m.Error), "measured over "+human.Count(m.Steps, "step"))
	}
	if left := o.Left.String(); left != "" {
		add("left charged above", left)
	}
	add("at the end", sizeText(e.Current), "anon "+sizeText(e.Stat.Anon), "file "+sizeText(e.Stat.File), "kernel "+sizeText(e.Stat.Kernel))
	if e.SwapCurrent > 0 {
		add("swapped out", sizeText(e.SwapCurrent))
	}
	add("peak", sizeText(e.Peak))
	if text := e.Fullest.Filled(); text != "" {
		add("filled by", text)
	}
	add("events", e.Events.String())
	if e.EventsLocal != e.Events {
		add("of the cage alone", e.EventsLocal.String())
	}
	pressure := []string{"some " + e.Pressure.Some.String(), "full " + e.Pressure.Full.String()}
	if e.Unread[outcome.PressureFile] != "" {
		pressure = []string{"unknown"}
	}
	add("pressure", append(pressure, human.Count(int(min(e.Refaults, math.MaxInt32)), "refault"))...)
	if o.Latency != nil {
		add("latency", o.Latency.String())
	}
	for _, c := range e.Captures {
		add("captured", c.String())
	}
	for _, k := range e.Kills {
		add("killed", k.String(), k.Limit)
	}
	for _, a := range e.Ancestors {
		if a.EventsLocal != (outcome.Events{}) {
			add("above", a.Path, "memory.max "+sizeText(a.Max), a.EventsLocal.String())
		}
	}
	for _, b := range e.Below {
		add("below", b.Path, "memory.max "+sizeText(b.Max), b.EventsLocal.String())
	}
	for _, m := range e.Moves {
		add("moved", "to "+m.Group, "seen after "+m.At.Round(time.Millisecond).String())
	}
	for _, k := range e.DaemonKills {
		add("daemon", k.String())
	}
	for _, source := range slices.Sorted(maps.Keys(e.Unread)) {
		add("unread", string(source)+": "+e.Unread[source])
	}
	return all
}
