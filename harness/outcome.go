package harness

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Outcome is all that is known of a run. As JSON on one line it is the format of result files:
// sizes are bytes, times are nanoseconds since the run began.
type Outcome struct {
	Name         string   `json:"name"`
	Spec         Spec     `json:"spec"`
	Verdict      Verdict  `json:"verdict"`
	Why          string   `json:"why"`              // the verdict's reason, in a sentence
	Acknowledged int      `json:"acknowledged"`     // steps that the target acknowledged
	Attempted    int      `json:"attempted"`        // steps that were sent
	Window       *Window  `json:"window,omitempty"` // what Predict expects; nil where it can say nothing
	Baseline     Baseline `json:"baseline,omitzero"`
	Peak         Bytes    `json:"peak"` // memory.peak; 0 before Linux 5.19
	Evidence     Evidence `json:"evidence"`
	Timeline     []Sample `json:"timeline"`
	Output       string   `json:"output"`          // the end of the target's stdout and stderr
	Error        string   `json:"error,omitempty"` // the error of the step or of the probe that ended the load
}

// Judge sets the verdict and its reason anew, from the evidence alone.
func (o *Outcome) Judge() {
	o.Verdict, o.Why = judge(o.Evidence)
	switch {
	case o.Attempted == 0:
	case o.Attempted > o.Acknowledged:
		o.Why += fmt.Sprintf(", during step %d", o.Attempted)
	default:
		o.Why += fmt.Sprintf(", after step %d", o.Acknowledged)
	}
	o.Why += victims(o.Evidence)
}

// String prints the outcome for people: the verdict in a sentence, then what it rests on, with
// sizes in bytes.
func (o *Outcome) String() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-10s "+format+"\n", append([]any{name}, args...)...)
	}
	e := o.Evidence
	fmt.Fprintf(&b, "%s: %s\n", o.Verdict, o.Why)
	line("target", "%s", strings.Join(append([]string{o.Spec.Target.Path}, o.Spec.Target.Args...), " "))
	line("ended", "%s", e.Status)
	predicted := "no prediction"
	if o.Window != nil {
		predicted = "predicted " + o.Window.String()
	}
	line("steps", "%d acknowledged of %d attempted, %s", o.Acknowledged, o.Attempted, predicted)
	line("limits", "%s", e.Limits)
	line("memory", "peak %d, at the end %d; at readiness %d, of which %d page cache", e.Peak, e.Current, o.Baseline.Current, o.Baseline.File)
	line("events", "%s (of the cage alone: %s)", e.Events, e.EventsLocal)
	line("pressure", "some %v, full %v; %d refaults", e.Pressure.Some, e.Pressure.Full, e.Refaults)
	for _, a := range e.Ancestors {
		line("above", "%s, memory.max %s, events %s", a.Path, limitText(a.Max), a.EventsLocal)
	}
	for _, file := range slices.Sorted(maps.Keys(e.Unread)) {
		line("unread", "%s: %s", file, e.Unread[file])
	}
	if o.Error != "" {
		line("error", "%s", o.Error)
	}
	for _, s := range highestOfSteps(o.Timeline) {
		line("timeline", "%8v  step %-3d memory.current %d", s.At.Round(time.Millisecond), s.Step, s.Current)
	}
	for text := range strings.Lines(o.Output) {
		line("output", "%s", strings.TrimRight(text, "\r\n"))
	}
	return b.String()
}

// highestOfSteps picks the highest reading of each step, at most 20 of them: the first and the
// last ones.
func highestOfSteps(samples []Sample) []Sample {
	const most = 20
	var highest []Sample
	for _, s := range samples {
		last := len(highest) - 1
		switch {
		case last < 0 || highest[last].Step != s.Step:
			highest = append(highest, s)
		case s.Current > highest[last].Current:
			highest[last] = s
		}
	}
	if len(highest) > most {
		highest = append(highest[:most/2:most/2], highest[len(highest)-most/2:]...)
	}
	return highest
}
