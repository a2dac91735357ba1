package report

import (
	"encoding/json"
	"fmt"
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
	minBytes := max(a.text, minText)
	d := detail{
		Why: printable.Line(ends(o.Why, minBytes)), Facts: facts(o, minBytes),
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

// factList are facts that are collected, each of them of a limited length.
type factList struct {
	all [][]string // a name and a text each
	max int        // bytes of a text
}

// add adds a fact of the parts that are not empty.
func (l *factList) add(name string, parts ...string) {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	l.all = append(l.all, []string{name, printable.Line(ends(strings.Join(parts, ", "), l.max))})
}

// addIf adds a fact that is not empty.
func (l *factList) addIf(name, text string) {
	if text != "" {
		l.add(name, text)
	}
}

// facts are the evidence in words, as Outcome.String prints it.
func facts(o *outcome.Outcome, maxBytes int) [][]string {
	l := &factList{max: maxBytes}
	l.before(o)
	l.memory(o)
	l.events(o.Evidence)
	for _, source := range slices.Sorted(maps.Keys(o.Evidence.Unread)) {
		l.add("unread", string(source)+": "+o.Evidence.Unread[source])
	}
	return l.all
}

// before is what was run, and in which cage.
func (l *factList) before(o *outcome.Outcome) {
	if len(o.Spec.Target.Words()) > 0 {
		l.add("target", strings.Join(o.Spec.Target.Words(), " "))
	}
	if len(o.Spec.Target.Env) > 0 {
		l.add("environment", strings.Join(o.Spec.Target.Env, " "))
	}
	if len(o.Inherited) > 0 {
		l.add("inherited", strings.Join(o.Inherited, " "))
	}
	l.addIf("user", o.Spec.Target.User)
	l.course(o)
	l.add("limits", o.Evidence.Limits.String())
	if o.Baseline != (outcome.Baseline{}) { // a watch has none
		l.add(o.BaselineName(), sizeText(o.Baseline.Current), sizeText(o.Baseline.File)+" of it page cache")
	}
	if m := o.Measured; m != nil {
		off := "± " + sizeText(m.Error)
		if !m.Certain() {
			off = ""
		}
		l.add("a step took", tookEach(o), off, "measured over "+human.Count(m.Steps, "step"))
	}
	l.addIf("left charged above", o.Left.String())
}

// maxCourse is how many lives, and how many outages, a page has of a point: the first ones, as the last life is the outcome's own.
const maxCourse = 10

// course is how the target lived and ended, and how its steps went.
func (l *factList) course(o *outcome.Outcome) {
	for i, life := range o.Lives[:min(len(o.Lives), maxCourse)] {
		l.add("life", fmt.Sprintf("%d of %d, until %s: %s: %s", i+1, len(o.Lives)+1, human.Duration(life.Until), life, life.Why))
	}
	if more := len(o.Lives) - maxCourse; more > 0 {
		l.add("life", fmt.Sprintf("%d more, before the one that is shown", more))
	}
	l.add("ended", o.Evidence.Status.String())
	if s := o.Evidence.Stop; s != nil {
		l.add("stopped", s.String()+" after the load; "+o.Evidence.StopText())
	}
	if o.Failed+o.InFlight > 0 {
		l.add("steps", fmt.Sprintf("%d acknowledged of %d attempted", o.Acknowledged, o.Attempted), fmt.Sprintf("%d failed", o.Failed), fmt.Sprintf("%d in flight", o.InFlight))
	}
	if acknowledged, attempted := o.Steps(); len(o.Lives) > 0 && attempted > 0 {
		l.add("in all lives", fmt.Sprintf("%d acknowledged of %d attempted", acknowledged, attempted))
	}
	for _, outage := range o.Outages[:min(len(o.Outages), maxCourse)] {
		l.add("outage", outage.String())
	}
	if more := len(o.Outages) - maxCourse; more > 0 {
		l.add("outage", fmt.Sprintf("%d more", more))
	}
}

// memory is what was in the cage, and what came of that.
func (l *factList) memory(o *outcome.Outcome) {
	e := o.Evidence
	l.add("at the end", sizeText(e.Current), "anon "+sizeText(e.Stat.Anon), "file "+sizeText(e.Stat.File), "kernel "+sizeText(e.Stat.Kernel))
	if e.SwapCurrent > 0 {
		l.add("swapped out", sizeText(e.SwapCurrent))
	}
	l.add("peak", sizeText(e.Peak))
	l.addIf("filled by", e.Fullest.Filled())
	l.add("events", e.Events.String())
	if e.EventsLocal != e.Events {
		l.add("of the cage alone", e.EventsLocal.String())
	}
	pressure := []string{"some " + e.Pressure.Some.String(), "full " + e.Pressure.Full.String()}
	if e.Unread[outcome.PressureFile] != "" {
		pressure = []string{"unknown"}
	}
	l.add("pressure", append(pressure, human.Count(int(min(e.Refaults, math.MaxInt32)), "refault"))...)
	if o.Latency != nil {
		l.add("latency", o.Latency.String())
	}
}

// events are what happened in the cage and around it.
func (l *factList) events(e outcome.Evidence) {
	for _, c := range e.Captures {
		l.add("captured", c.String())
	}
	for _, k := range e.Kills {
		l.add("killed", k.String(), k.Limit)
	}
	for _, a := range e.Ancestors {
		if a.EventsLocal != (outcome.Events{}) {
			l.add("above", a.Path, "memory.max "+sizeText(a.Max), a.EventsLocal.String())
		}
	}
	for _, b := range e.Below {
		l.add("below", b.Path, "memory.max "+sizeText(b.Max), b.EventsLocal.String())
	}
	for _, m := range e.Moves {
		l.add("moved", "to "+m.Group, "seen after "+m.At.Round(time.Millisecond).String())
	}
	for _, k := range e.DaemonKills {
		l.add("daemon", k.String())
	}
}
