package outcome

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
)

// Explanation is one line of what somebody who knows the kernel would say of an outcome.
type Explanation struct {
	About string // what it is about: ended, filled, grew, victim, failed, reclaim, limits, steps, latency, runtime or help
	Text  string // a line without control characters
}

// Explain says in at most 11 lines what happened, why, and what would help. A line of which nothing is known is left out.
func (o *Outcome) Explain() []Explanation {
	var lines []Explanation
	say := func(about, text string) {
		if text != "" {
			lines = append(lines, Explanation{about, printable.Line(text)})
		}
	}
	_, reason := Classify(o.Evidence)
	say("ended", fmt.Sprintf("%s: %s%s", o.Verdict, reason, o.Evidence.stopNote()))
	say("filled", o.explainFill())
	say("grew", o.explainGrowth())
	say("victim", o.explainVictim())
	say("failed", o.explainAllocation())
	say("reclaim", o.explainReclaim())
	say("limits", o.explainLimits())
	say("steps", o.explainSteps())
	if o.Latency != nil {
		say("latency", o.Latency.String())
	}
	if set := o.runtimeSettings(); set != "" {
		say("runtime", set)
	}
	say("help", o.help())
	return lines
}

// runtimeSettings says what the target's runtime was told of memory, so that nobody sets it as if it were not.
func (o *Outcome) runtimeSettings() string {
	var parts []string
	for _, entry := range o.Spec.Target.Env {
		if name, _, _ := strings.Cut(entry, "="); slices.Contains([]string{"GOMEMLIMIT", "GOGC", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "NODE_OPTIONS"}, name) {
			parts = append(parts, entry+" (of the spec)")
		}
	}
	for _, entry := range o.Inherited {
		parts = append(parts, entry+" (of the harness's environment)")
	}
	if parts == nil {
		return ""
	}
	return "it was told " + strings.Join(parts, ", ") + "; what is added goes behind that, and does not replace it"
}

// explainFill says what each kind of memory that matters is.
func (o *Outcome) explainFill() string {
	c := o.Evidence.Fullest
	if c == nil {
		return "what filled it is not known: neither the kernel log nor a sample has it"
	}
	from := "by the recorder's highest sample"
	if c.Kernel {
		from = "by the kernel's own report"
	}
	var named []string
	for _, f := range c.Fills() {
		if f.Size < c.Current/kindShare {
			break
		}
		text := fmt.Sprintf("%s is %s, %d %% (%s)", f.Kind, human.Size(f.Size), percent(f.Size, c.Current), kindMeaning[f.Kind])
		named = append(named, strings.Join(append([]string{text}, f.parts()...), ", "))
	}
	if c.Swap > 0 {
		named = append(named, human.Of(c.Swap, c.SwapLimit)+" of swap were in use")
	}
	return fmt.Sprintf("%s, of %s in all: %s", from, human.Size(c.Current), strings.Join(named, "; "))
}

// kindMeaning says what a kind of memory is.
var kindMeaning = map[string]string{
	"anon":       "heaps and stacks of processes",
	"page cache": "what was read from files, or is to be written to them",
	"shmem":      "files on tmpfs, memfd and shared memory, which have no disk to go to",
	"sock":       "data in sockets that was not read yet, or not acknowledged",
	"kernel":     "what the kernel needs for the processes",
}

// explainGrowth says when the limit came near.
func (o *Outcome) explainGrowth() string {
	limit, is := o.Evidence.inForce()
	if !is || len(o.Timeline) == 0 {
		return ""
	}
	var parts []string
	for _, share := range []Bytes{NearLimitPercent, AtLimitPercent} {
		if i := slices.IndexFunc(o.Timeline, func(s Sample) bool { return s.Current >= limit/100*share }); i >= 0 {
			s := o.Timeline[i]
			when := fmt.Sprintf("%d %% of the limit was reached after %s", share, short(s.At))
			if o.Attempted > 0 || s.Step > 0 {
				when += fmt.Sprintf(", with %s acknowledged", human.Count(s.Step, "step"))
			}
			parts = append(parts, when)
		}
	}
	if times := o.Evidence.KillTimes; len(times) > 0 {
		parts = append(parts, "the first kill was counted after "+short(times[0].At))
	}
	if len(parts) == 0 {
		return fmt.Sprintf("the limit never came near: the highest sample had %s of %s", human.Size(highest(o.Timeline)), human.Size(limit))
	}
	return strings.Join(parts, "; ")
}

func highest(t Timeline) (size Bytes) {
	for _, s := range t {
		size = max(size, s.Current)
	}
	return size
}

func short(d time.Duration) string { return d.Round(time.Millisecond).String() }

// explainVictim says who was killed, and beside whom.
func (o *Outcome) explainVictim() string {
	e := o.Evidence
	if len(e.Kills) == 0 {
		if e.Events.OOMKill > 0 {
			return fmt.Sprintf("%d counted, and the kernel log does not say who: %s", e.Events.OOMKill, e.Unread[KernelLog])
		}
		return ""
	}
	var named []string
	for _, k := range e.Kills[:min(len(e.Kills), 3)] {
		whose := "another process"
		if k.PID == e.PID {
			whose = "the target"
		}
		named = append(named, fmt.Sprintf("%s[%d], %s: anon %s, files %s, shared %s%s", k.Name, k.PID, whose, human.Size(k.Anon), human.Size(k.File), human.Size(k.Shmem), o.rank(k)))
	}
	return strings.Join(named, "; ")
}

// explainAllocation says for what memory was wanted when there was none.
func (o *Outcome) explainAllocation() string {
	r := o.Evidence.OwnReport()
	if r == nil {
		return ""
	}
	text := fmt.Sprintf("%s asked for %s", r.Invoker, human.Size(o.Baseline.pageSize()<<max(r.Order, 0)))
	if path := r.Path(); path != "" {
		text += " (" + path + ")"
	}
	if r.GFPMask != "" {
		text += " with " + r.GFPMask
	}
	if len(r.Stack) > 0 {
		text += ", on the way through " + strings.Join(r.Stack[:min(len(r.Stack), 3)], ", ")
	}
	if r.Memory != nil {
		text += fmt.Sprintf("; the limit had been met %s before", human.Count(r.Memory.FailCnt, "time"))
	}
	return text
}

func (b Baseline) pageSize() Bytes { return max(b.PageSize, 4*KiB) }

// explainReclaim says what the kernel tried before.
func (o *Outcome) explainReclaim() string {
	e := o.Evidence
	c := e.Fullest
	if c == nil || c.Stat.Scanned == 0 && e.Pressure == (Pressure{}) {
		return ""
	}
	text := fmt.Sprintf("the kernel looked at %s and took back %s", human.Count(c.Stat.Scanned, "page"), human.Count(c.Stat.Stolen, "page"))
	if n := c.Stat.RefaultAnon + c.Stat.RefaultFile; n > 0 {
		text += fmt.Sprintf(", of which %d were needed again at once", n)
	}
	if e.Unread[PressureFile] == "" {
		text += fmt.Sprintf("; processes waited %s for memory, and in %s of it no process could go on", short(e.Pressure.Some), short(e.Pressure.Full))
	}
	return text
}

// explainLimits says what else limited it.
func (o *Outcome) explainLimits() string {
	parts := []string{o.Evidence.Limits.text(human.Size)}
	for _, a := range o.Evidence.Ancestors {
		if a.Max != Unlimited {
			parts = append(parts, fmt.Sprintf("above it %s with %s", a.Path, human.Size(a.Max)))
		}
	}
	return strings.Join(parts, "; ") + o.limitsMoved(o.Verdict)
}

// explainSteps compares what was predicted with what came.
func (o *Outcome) explainSteps() string {
	if o.Attempted == 0 {
		return ""
	}
	text := fmt.Sprintf("%d of %d acknowledged", o.Acknowledged, o.Attempted)
	if o.Predicted != nil {
		text += ", predicted " + o.Predicted.String()
	}
	if differs := o.Differs(); differs != "" {
		return text + "; " + differs
	}
	if o.Measured != nil {
		text += fmt.Sprintf("; a step took %s", o.Measured)
	}
	return text
}
