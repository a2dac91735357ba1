package outcome

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
)

// Outcome is all that is known of a run. As JSON on one line it is the format of result files:
// sizes are bytes, times are nanoseconds since the run began. The first key of that line is the Format.
type Outcome struct {
	Name         string      `json:"name"` // of the point or test; results know it by that
	Spec         Spec        `json:"spec"`
	Verdict      Verdict     `json:"verdict"`
	Why          string      `json:"why"`                 // the verdict's reason, in a sentence
	Acknowledged int         `json:"acknowledged"`        // how many steps the target acknowledged
	Attempted    int         `json:"attempted"`           // how many steps were sent: Acknowledged + Failed + InFlight
	Failed       int         `json:"failed,omitempty"`    // how many had an error for an answer, or could not be sent to the target
	InFlight     int         `json:"in_flight,omitempty"` // how many had no answer when the load ended: nobody knows whether the target took them
	Predicted    *Prediction `json:"predicted,omitempty"` // how many steps should be acknowledged; nil: nothing could be predicted
	Baseline     Baseline    `json:"baseline,omitzero"`   // zero where the target was never ready
	Peak         Bytes       `json:"peak"`                // memory.peak; 0 before Linux 5.19
	Evidence     Evidence    `json:"evidence"`
	Timeline     Timeline    `json:"timeline"`
	Census       []Census    `json:"census,omitempty"` // who was in the cage: when it first had 80 % and 95 % of its limit, and when it was fullest
	Output       string      `json:"output"`           // the last 64 KiB of the target's stdout and stderr, and the line before them that says why a Go program ended
	Error        string      `json:"error,omitempty"`  // of the step or the probe that ended the load
	Origin       Origin      `json:"origin,omitzero"`  // what made it; zero where no sweep did

	// Took is how long the run took, from its begin to the verdict. The last sample may be much older: where
	// nothing changes, nothing is sampled.
	Took time.Duration `json:"took,omitempty"`

	Executable Executable `json:"executable,omitzero"` // what was run; zero where it could not be found

	// Measured is what a step took; nil where none was acknowledged before the limit was met.
	Measured *Measured `json:"measured,omitempty"`

	// Latency sums up how long the steps took, and StepTimes are the steps themselves, at most 2,000 of them; nil where none
	// was sent.
	Latency   *Latency  `json:"latency,omitempty"`
	StepTimes StepTimes `json:"step_times,omitempty"`

	// Lives are the earlier lives of a target that was started again (Target.Restart); the outcome is of its last one.
	Lives []Life `json:"lives,omitempty"`

	// Outages are the times in which steps failed, of a load that goes on then (Load.Tolerate, Target.Restart); at most 100.
	Outages []Outage `json:"outages,omitempty"`

	// Inherited are the variables that tell a runtime how much memory to take (GOMEMLIMIT, JAVA_TOOL_OPTIONS), as NAME=VALUE, which
	// the target had from the harness's environment and not from Target.Env.
	Inherited []string `json:"inherited,omitempty"`

	// Left is what the run has left charged above its cage, and Found what earlier runs of the same process had left on
	// tmpfs when it began.
	Left  Leftover `json:"left,omitzero"`
	Found Leftover `json:"found,omitzero"`

	// Escaped are processes of the target that ran outside its cage when the run was over, as "name[PID] in
	// /GROUP". The harness does not end what is not in its cage.
	Escaped []string `json:"escaped,omitempty"`
}

// Judge returns the verdict on the evidence, and the sentence that Why holds. It does not look at the
// Verdict and Why that are there, and changes nothing.
func (o *Outcome) Judge() (v Verdict, why string) { return o.judgeAfter(o.earlier()) }

// judgeAfter is Judge of a life that comes after others.
func (o *Outcome) judgeAfter(past past) (v Verdict, why string) {
	e := o.Evidence
	e.Peak = o.highestUse(past)
	v, why = Classify(e)
	if !o.Evidence.Ready && o.Evidence.TimedOut {
		why = strings.Replace(why, neverReady, neverReady+o.readyCause(), 1)
	}
	switch {
	case o.Attempted == 0:
	case !o.many() && o.Evidence.namesKill(v) && o.Evidence.lastLowering().Step == past.acknowledged+o.Acknowledged:
	case o.many():
		why += o.stepsDone(past)
	case o.Attempted > o.Acknowledged && (v == Survived || o.Evidence.Unloaded && (o.Evidence.Alive() || o.Evidence.Stop != nil) && !o.Evidence.TimedOut):
		why += fmt.Sprintf("; %s was not acknowledged%s", past.step(o.Attempted), o.stepCause())
	case o.Attempted > o.Acknowledged && !o.killedBetweenSteps(v) && o.Evidence.Stop == nil:
		why += ", during " + past.step(o.Attempted)
	default:
		why += ", after " + past.step(o.Acknowledged)
	}
	return v, printable.Line(why + o.Evidence.stopNote() + o.filled(v) + o.limitsMoved(v) + o.victims(o.filled(v) != "") + o.causes(v) + o.notes(v, past)) // names of cgroups and processes are anybody's
}

// notes are what the reader of a verdict should know beside its reason, each with a semicolon before it.
func (o *Outcome) notes(v Verdict, past past) string {
	e := o.Evidence
	notes := o.scheduleNotes() + o.killNote(v, past) + o.lived() + o.recovery() + e.captureNote(v) + o.refusal()
	if len(o.Inherited) > 0 {
		notes += "; it had " + listed(o.Inherited) + " from the harness's environment"
	}
	if e.OtherListener != "" && v != Inconclusive {
		notes += "; steps may have been answered by " + e.OtherListener + ", as it listened on the target's address"
	}
	if o.Predicted != nil && o.Baseline.short(e.Limits) {
		notes += fmt.Sprintf("; the cgroups above had only %s free when it was ready, less than its own limit, and the prediction is made for that", human.Size(o.Baseline.Room))
	}
	if v != OOMKilled && v != OOMGroupKilled && v != ChildOOMKilled || !o.Measured.flat(o.Baseline, o.Spec.Load.Bytes) {
		if differs := o.Differs(); differs != "" {
			notes += "; " + differs
		}
	}
	if len(o.Escaped) > 0 {
		notes += "; it left " + listed(o.Escaped) + ", outside of its cage: what it moved there has not been ended"
	}
	if o.Left.Shmem > 0 {
		notes += "; it left " + Leftover{Shmem: o.Left.Shmem, On: o.Left.On}.String() + ", for which a later run does not pay"
	}
	if o.Found.Shmem > 0 {
		notes += "; earlier runs had left " + o.Found.String() + ", for which this one did not pay where it used it"
	}
	return notes
}

// String returns the outcome as a text of many lines for people: the verdict in a sentence, what it rests on, the
// timeline as a graph, and the first and last lines of the target's output.
func (o *Outcome) String() string {
	var t text
	fmt.Fprintf(&t, "%s: %s\n", printable.Line(string(o.Verdict)), printable.Line(o.Why))
	o.printCourse(&t)
	o.printMemory(&t)
	o.Evidence.printAround(&t)
	for _, c := range o.Evidence.captureLines() {
		t.line(c[0], "%s", c[1])
	}
	for _, source := range slices.Sorted(maps.Keys(o.Evidence.Unread)) {
		t.line("unread", "%s: %s", source, o.Evidence.Unread[source])
	}
	t.WriteString("\n" + o.graph())
	if o.Output != "" {
		t.WriteString("\n")
	}
	for _, end := range endsOf(o.Output) {
		t.WriteString(row("output", printable.Lines(strings.TrimRight(end, "\r\n")))) // with its tabs
	}
	return t.String()
}

// text is what String prints, line by line.
type text struct{ strings.Builder }

func (t *text) line(name, format string, args ...any) {
	t.WriteString(named(name, fmt.Sprintf(format, args...)))
}

// printCourse prints what was run, and how its steps went.
func (o *Outcome) printCourse(t *text) {
	if o.Evidence.Watched != nil {
		o.printWatched(t)
		return
	}
	t.line("target", "%s", strings.Join(o.Spec.Target.Words(), " "))
	if user := o.Spec.Target.User; user != "" {
		t.line("user", "%s", user)
	}
	if stdin := o.Spec.Target.Stdin; stdin != "" {
		t.line("stdin", "%s", stdin)
	}
	t.line("ended", "%s", o.Evidence.Status)
	if o.Evidence.Stop != nil {
		t.line("stopped", "%s after the load; %s", o.Evidence.Stop.Stop, o.Evidence.StopText())
	}
	predicted := "no prediction"
	if o.Predicted != nil {
		predicted = "predicted " + o.Predicted.String() + o.cutShort()
	}
	t.line("steps", "%d acknowledged of %d attempted%s, %s", o.Acknowledged, o.Attempted, o.unacknowledged(), predicted)
	if acknowledged, attempted := o.Steps(); len(o.Lives) > 0 && attempted > 0 {
		t.line("in all", "%d acknowledged of %d attempted, in %d lives", acknowledged, attempted, len(o.Lives)+1)
	}
	if o.Measured != nil {
		t.line("a step", "took %s of memory.current, over %d; %s", o.Measured, o.Measured.Steps, declared(o.Spec.Load.Bytes))
	}
	if o.Latency != nil {
		t.line("latency", "%s", o.Latency)
	}
	o.printLives(t)
	for _, outage := range o.Outages {
		t.line("outage", "%s", outage)
	}
	if o.Error != "" {
		t.line("error", "%s", o.Error)
	}
}

// printLives prints how the earlier ones went.
func (o *Outcome) printLives(t *text) {
	for i, life := range o.Lives {
		t.line("life", "%d of %d, until %s: %s: %s", i+1, len(o.Lives)+1, human.Duration(life.Until), life.named()+string(life.Verdict), life.Why)
	}
}

// printMemory prints the limits of the cage, and what was in it.
func (o *Outcome) printMemory(t *text) {
	e := o.Evidence
	t.line("limits", "%s", e.Limits)
	before := ""
	if o.Baseline != (Baseline{}) { // a watch has none
		before = fmt.Sprintf("; %s %d, of which %d page cache", o.BaselineName(), o.Baseline.Current, o.Baseline.File)
	}
	when := ""
	if o.highestUse(o.earlier()) != e.Peak {
		when = " (in an earlier life)"
	}
	t.line("memory", "peak %d%s, at the end %d%s", e.Peak, when, e.Current, before)
	if left := o.stayed(); left != "" {
		t.line("stayed", "charged: %s", left)
	}
	if left := o.Left.String(); left != "" {
		t.line("left", "charged above the cage: %s", left)
	}
	t.line("events", "%s (of the cage alone: %s)", e.Events, e.EventsLocal)
	t.line("pressure", "%s", e.slowness())
}

// printAround prints what the cgroups above and below the cage have seen, and who came between.
func (e Evidence) printAround(t *text) {
	for _, a := range e.Ancestors {
		t.line("above", "%s, memory.max %s, events %s", a.Path, limitText(a.Max), a.EventsLocal)
	}
	for _, a := range e.Below {
		t.line("below", "%s, memory.max %s, events %s", a.Path, limitText(a.Max), a.EventsLocal)
	}
	for _, m := range e.Moves {
		t.line("moved", "to %s, seen after %v", m.Group, m.At.Round(time.Millisecond))
	}
	for _, k := range e.DaemonKills {
		t.line("daemon", "%s", k)
	}
}

// BaselineName says when the baseline was read: "before the load", or "when it was ready" where there is no load.
func (o *Outcome) BaselineName() string {
	if o.withoutLoad() {
		return "when it was ready"
	}
	return "before the load"
}

// withoutLoad reports whether there was no load, as in a watch.
func (o *Outcome) withoutLoad() bool {
	load := o.Spec.Load
	load.UntilEmpty = false
	return o.Attempted == 0 && o.Acknowledged == 0 && load == Load{}
}

// slowness is what the kernel measured of time and pages that went into reclaim.
func (e Evidence) slowness() string {
	pressure := fmt.Sprintf("some %v, full %v", e.Pressure.Some, e.Pressure.Full)
	if e.Unread[PressureFile] != "" {
		pressure = "unknown"
	}
	return fmt.Sprintf("%s; %d refaults", pressure, e.Refaults)
}

func declared(step Bytes) string {
	if step == 0 {
		return "nothing was declared"
	}
	return human.Size(step) + " declared"
}

// stayed says, by kind, what memory is charged though the target has ended, or "": what others in
// the cage hold, page cache, and above all files on tmpfs, which stay charged until they are removed.
// What the kernel itself needs for the cage always stays, and is left out, as is what may be the lag
// of memory.stat.
func (o *Outcome) stayed() string {
	e := o.Evidence
	if e.Alive() || e.Watched != nil && e.Watched.Removed {
		return ""
	}
	var kinds []string
	for _, k := range []struct {
		name string
		size Bytes
	}{
		{"anon", e.Stat.Anon},
		{"page cache", e.Stat.File - min(e.Stat.File, e.Stat.Shmem)}, // the kernel counts shmem as file too
		{"shmem", e.Stat.Shmem},
		{"sock", e.Stat.Sock},
	} {
		// memory.current is exact, and memory.stat may be behind.
		if size := min(k.size, e.Current); size > o.Baseline.StatLag() {
			kinds = append(kinds, fmt.Sprintf("%s %d", k.name, size))
		}
	}
	return strings.Join(kinds, ", ")
}

// StatLag returns how many bytes memory.stat may lag behind: the kernel sums it up when the CPUs have a batch of
// pages each to report, before Linux 6.8 when they have about two (memcg_rstat_updated in
// mm/memcontrol.c). The zero value, as of a target that was never ready, is taken for one CPU with pages of 4 KiB.
func (b Baseline) StatLag() Bytes {
	return 2 * chargeBatch * Bytes(max(b.CPUs, 1)) * max(b.PageSize, 4*KiB)
}

// named is a line of what is printed for people: what it is about, and the text.
func named(name, text string) string {
	return row(name, printable.Line(strings.TrimRight(text, "\r\n")))
}

// row is named for a text that is printable.
func row(name, text string) string {
	n := 0
	for i := range text {
		if n++; n > lineLength {
			text = text[:i] + "…"
			break
		}
	}
	return fmt.Sprintf("  %-10s %s\n", name, text)
}

const (
	outputLines = 20  // of the beginning of the output, where a crash says why, and as many of its end
	lineLength  = 400 // characters of a line that are printed
)

// endsOf returns the first and the last lines of a text. Outcome.Output has them all.
func endsOf(output string) []string {
	lines := slices.Collect(strings.Lines(output))
	if left := len(lines) - 2*outputLines; left > 0 {
		lines = slices.Replace(lines, outputLines, outputLines+left, fmt.Sprintf("[%d lines are not shown]", left))
	}
	return lines
}
