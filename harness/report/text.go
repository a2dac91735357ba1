package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"oomcage/harness/internal/chart"
	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
)

// ends keeps the beginning and the end of a text, where a crash says why, and at most that many bytes.
func ends(s string, maxBytes int) string {
	if len(s) <= maxBytes {
		return s
	}
	head, tail := s[:maxBytes/2], s[len(s)-maxBytes/2:]
	return fmt.Sprintf("%s\n[%d bytes are left out here]\n%s", strings.ToValidUTF8(head, ""), len(s)-len(head)-len(tail), strings.ToValidUTF8(tail, ""))
}

// sizeText prints a size as people read it; one that is whole stays so: "64 MiB".
func sizeText(b outcome.Bytes) string { return chart.Size(b) }

// limit prints memory.max, which may not be there.
func limit(o *outcome.Outcome) string {
	if l := o.Evidence.Limits.Max; l > 0 {
		return sizeText(l)
	}
	return "max"
}

// span prints "4", or "4–5".
func span(lo, hi int) string {
	if lo == hi {
		return strconv.Itoa(lo)
	}
	return fmt.Sprintf("%d–%d", lo, hi)
}

// predicted prints what was predicted, or "" where there is none.
func predicted(o *outcome.Outcome) string {
	if o.Predicted == nil {
		return ""
	}
	return o.Predicted.String()
}

// tookEach prints what a step took as it was measured, and what was declared where that is another size; "" where nothing
// was measured.
func tookEach(o *outcome.Outcome) string {
	m := o.Measured
	switch {
	case m == nil:
		return ""
	case o.Differs() == "" && !m.Certain():
		return "at most " + sizeText(m.Step+m.Error)
	case o.Differs() == "":
		return sizeText(m.Step)
	case o.Spec.Load.Bytes > 0:
		return fmt.Sprintf("%s, not %s", sizeText(m.Step), sizeText(o.Spec.Load.Bytes))
	default:
		return "nothing?"
	}
}

// filledBy prints the kind that filled the cage most and its share, "sock 64 %", or "" where that is not known.
func filledBy(o *outcome.Outcome) string {
	kind, size := o.Evidence.Fullest.FilledBy()
	if kind == "" {
		return ""
	}
	whole := max(o.Evidence.Fullest.Current, size) // memory.stat may lag behind
	return fmt.Sprintf("%s %.0f %%", kind, 100*float64(size)/float64(whole))
}

// took is how long the run took. Results of an older oomcage do not say so, and then it is as far as the
// timeline knows.
func took(o *outcome.Outcome) time.Duration {
	if o.Took > 0 || len(o.Timeline) == 0 {
		return o.Took
	}
	return o.Timeline[len(o.Timeline)-1].At
}

// summary says how the points ended: "24 points: 4 survived, 20 oom-killed".
func (s *Set) summary() string {
	of := map[outcome.Verdict]int{}
	for _, o := range s.Outcomes {
		of[o.Verdict]++
	}
	var parts []string
	for _, v := range outcome.Verdicts() {
		if of[v] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", of[v], v))
		}
	}
	return human.Count(len(s.Outcomes), "point") + ": " + strings.Join(parts, ", ")
}

// place is a machine and a command that made outcomes, and how many.
type place struct {
	Command, Kernel, Machine, Date string
	Points                         int
}

// places are those of the outcomes, in the order in which each is first met. Shards of one sweep on the same kind
// of machine are one, since they have the same command, from the first one's start on; so is what a sweep was gone on with.
func (s *Set) places() []place {
	var all []place
	at := map[place]int{}
	shown := map[string]string{} // commands without their secrets
	var from []time.Time
	for _, o := range s.Outcomes {
		p := placeOf(o.Origin)
		if hidden, ok := shown[p.Command]; ok {
			p.Command = hidden
		} else if !s.ShowSecrets {
			hidden = printable.Line(o.WithoutSecrets().Origin.Command)
			shown[p.Command], p.Command = hidden, hidden
		}
		i, ok := at[p]
		if !ok {
			i = len(all)
			at[p] = i
			all = append(all, p)
			from = append(from, o.Origin.Start)
		}
		all[i].Points++
		if o.Origin.Start.Before(from[i]) {
			from[i] = o.Origin.Start
		}
	}
	for i := range all {
		if !from[i].IsZero() {
			all[i].Date = from[i].UTC().Format("2006-01-02 15:04 MST")
		}
	}
	return all
}

func placeOf(o outcome.Origin) place {
	p := place{Command: printable.Line(o.Command), Kernel: printable.Line(o.Kernel)}
	if o.CPUs > 0 {
		p.Machine = fmt.Sprintf("%s, %s, %s", printable.Line(o.Arch), human.Count(o.CPUs, "CPU"), sizeText(o.Memory))
		if o.MicroVM {
			p.Machine += ", microVM"
		}
	}
	return p
}
