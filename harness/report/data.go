package report

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// index is what the page draws its map, plot and table from. It holds no text that can be long.
type index struct {
	Axes     []sweep.Axis               `json:"axes"` // without the repeats
	Points   []point                    `json:"points"`
	Checks   []string                   `json:"checks"`   // of each finding
	Verdicts []outcome.Verdict          `json:"verdicts"` // in the order of their table
	Letters  map[outcome.Verdict]string `json:"letters"`
	Marks    []string                   `json:"marks"` // of the series, each a path around where the pen is
	Chunk    int                        `json:"chunk"` // how many points' details are in one block
}

// point is a row of the page's table, in the order in which it is shown first.
type point struct {
	Name      string          `json:"name"`
	Values    []int           `json:"values"` // places in the axes' values; -1 where the name has none
	Verdict   outcome.Verdict `json:"verdict"`
	Acked     int             `json:"acked"`
	Attempted int             `json:"attempted"`
	Window    []int           `json:"window,omitempty"`   // lo, and hi where there is one
	Max       int64           `json:"max,omitempty"`      // memory.max; 0 where there is none
	Peak      int64           `json:"peak"`               // memory.peak
	Took      int64           `json:"took"`               // microseconds
	Findings  []int           `json:"findings,omitempty"` // places in Checks
}

// detail is what the page shows of one point on demand.
type detail struct {
	Why      string             `json:"why"`
	Facts    [][2]string        `json:"facts"`
	High     int64              `json:"high,omitempty"` // memory.high; 0 where there is none
	Timeline map[string][]int64 `json:"timeline"`       // by column, each value less the one before
	Readings int                `json:"readings"`       // how many the timeline had before it was thinned
	Evidence string             `json:"evidence,omitempty"`
	Output   string             `json:"output,omitempty"`
	Error    string             `json:"error,omitempty"`
}

// index makes the page's table.
func (s *Set) index(outcomes []*outcome.Outcome, chunk int) index {
	x := index{Chunk: chunk, Axes: []sweep.Axis{}, Checks: []string{}, Verdicts: outcome.Verdicts(), Letters: map[outcome.Verdict]string{}}
	for v, l := range looks {
		x.Letters[v] = l.letter
	}
	for _, m := range marks {
		x.Marks = append(x.Marks, m.path(4.5))
	}
	at := map[sweep.Value]int{}
	for _, a := range axesOf(outcomes) {
		if a.Name == sweep.RepeatAxis {
			continue
		}
		shown := sweep.Axis{Name: printable.Line(a.Name)}
		for i, v := range a.Values {
			at[sweep.Value{Axis: a.Name, Text: v}] = i
			shown.Values = append(shown.Values, printable.Line(v))
		}
		x.Axes = append(x.Axes, shown)
	}
	for _, f := range s.Findings {
		x.Checks = append(x.Checks, f.Check)
	}
	found := s.found()
	for _, o := range outcomes {
		p := point{
			Name: printable.Line(o.Name), Values: []int{}, Verdict: o.Verdict, Acked: o.Acknowledged, Attempted: o.Attempted,
			Max: finite(o.Evidence.Limits.Max), Peak: int64(o.Peak), Took: took(o).Microseconds(), Findings: found[o.Name],
		}
		if w := o.Window; w != nil {
			if p.Window = []int{w.Lo}; w.Hi != math.MaxInt {
				p.Window = append(p.Window, w.Hi)
			}
		}
		values := map[string]int{}
		for _, v := range sweep.Values(o.Name) {
			if v.Axis != sweep.RepeatAxis {
				values[printable.Line(v.Axis)] = at[v]
			}
		}
		for _, a := range x.Axes {
			i, ok := values[a.Name]
			if !ok {
				i = -1
			}
			p.Values = append(p.Values, i)
		}
		x.Points = append(x.Points, p)
	}
	return x
}

// finite is a limit as the page's script can count with it: its numbers are exact to 2^53.
func finite(b outcome.Bytes) int64 {
	if b >= 1<<53 {
		return 0
	}
	return int64(b)
}

// allowance is how much of each point's detail a page may hold.
type allowance struct {
	samples  int  // of the timeline
	text     int  // bytes of the output, and of each other text
	evidence bool // as JSON, beside the facts
}

// leastText is how many bytes of the reason and of each fact are always kept.
const leastText = 256

// half is the next smaller allowance. The smallest one keeps nothing but the reason and the facts.
func (a allowance) half() allowance {
	if a.samples <= 16 && a.evidence {
		return allowance{a.samples, a.text, false}
	}
	return allowance{a.samples / 2, a.text / 2, a.evidence}
}

// detail makes what the page shows of one point.
func detailOf(o *outcome.Outcome, a allowance) (detail, error) {
	samples := outcome.Thin(o.Timeline, a.samples)
	least := max(a.text, leastText)
	d := detail{
		Why: printable.Line(ends(o.Why, least)), Facts: facts(o, least), High: finite(o.Evidence.Limits.High),
		Timeline: columns(samples), Readings: len(o.Timeline),
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
		d.Evidence = printable.Lines(ends(string(text), 4*a.text))
	}
	return d, nil
}

// facts are the evidence in words, as Outcome.String prints it.
func facts(o *outcome.Outcome, most int) [][2]string {
	e := o.Evidence
	var all [][2]string
	add := func(name string, parts ...string) {
		parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
		all = append(all, [2]string{name, printable.Line(ends(strings.Join(parts, ", "), most))})
	}
	if o.Spec.Target.Path != "" {
		add("target", strings.Join(append([]string{o.Spec.Target.Path}, o.Spec.Target.Args...), " "))
	}
	if len(o.Spec.Target.Env) > 0 {
		add("environment", strings.Join(o.Spec.Target.Env, " "))
	}
	add("ended", e.Status.String())
	add("limits", e.Limits.String())
	add("before the load", human(o.Baseline.Current), human(o.Baseline.File)+" of it page cache")
	if m := o.Measured; m != nil {
		add("a step took", tookEach(o), "± "+human(m.Error), "measured over "+count(m.Steps, "step"))
	}
	if left := o.Left.String(); left != "" {
		add("left charged above", left)
	}
	add("at the end", human(e.Current), "anon "+human(e.Stat.Anon), "file "+human(e.Stat.File), "kernel "+human(e.Stat.Kernel))
	if e.SwapCurrent > 0 {
		add("swapped out", human(e.SwapCurrent))
	}
	add("peak", human(e.Peak))
	add("events", e.Events.String())
	if e.EventsLocal != e.Events {
		add("of the cage alone", e.EventsLocal.String())
	}
	pressure := []string{"some " + e.Pressure.Some.String(), "full " + e.Pressure.Full.String()}
	if e.Unread[outcome.PressureFile] != "" {
		pressure = []string{"unknown"}
	}
	add("pressure", append(pressure, count(int(min(e.Refaults, math.MaxInt32)), "refault"))...)
	for _, k := range e.Kills {
		add("killed", k.String(), k.Limit)
	}
	for _, a := range e.Ancestors {
		if a.EventsLocal != (outcome.Events{}) {
			add("above", a.Path, "memory.max "+human(a.Max), a.EventsLocal.String())
		}
	}
	for _, b := range e.Below {
		add("below", b.Path, "memory.max "+human(b.Max), b.EventsLocal.String())
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

// columns are the samples by column. What rises slowly makes small numbers, and a column of zeros is left
// out: 10,000 timelines go into one page.
func columns(samples []outcome.Sample) map[string][]int64 {
	all := map[string][]int64{}
	column := func(name string, of func(outcome.Sample) int64) {
		var before int64
		differs := false
		values := make([]int64, len(samples))
		for i, s := range samples {
			v := of(s)
			values[i] = v - before
			differs = differs || v != before
			before = v
		}
		if differs {
			all[name] = values
		}
	}
	column("at", func(s outcome.Sample) int64 { return s.At.Microseconds() })
	column("step", func(s outcome.Sample) int64 { return int64(s.Step) })
	column("current", func(s outcome.Sample) int64 { return int64(s.Current) })
	column("swap", func(s outcome.Sample) int64 { return int64(s.Swap) })
	column("some", func(s outcome.Sample) int64 { return s.Pressure.Some.Microseconds() })
	column("full", func(s outcome.Sample) int64 { return s.Pressure.Full.Microseconds() })
	column("high", func(s outcome.Sample) int64 { return int64(s.Events.High) })
	column("max", func(s outcome.Sample) int64 { return int64(s.Events.Max) })
	column("oom", func(s outcome.Sample) int64 { return int64(s.Events.OOM) })
	column("oom_kill", func(s outcome.Sample) int64 { return int64(s.Events.OOMKill) })
	return all
}
