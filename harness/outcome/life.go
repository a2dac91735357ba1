package outcome

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"oomcage/harness/internal/human"
)

// Life is what became of a target that was then started again in the same cage (Target.Restart), or of a container of a watched
// pod in which others went on. Its fields are those of an Outcome, and its counters are of this life alone.
type Life struct {
	Container string `json:"container,omitempty"` // its name in the pod; empty: it is of no pod

	Until   time.Duration `json:"until"`   // when it was seen to have ended, since the run began
	Verdict Verdict       `json:"verdict"` // how it ended
	Why     string        `json:"why"`     // the verdict's reason
	Status  ExitStatus    `json:"status"`

	Acknowledged int `json:"acknowledged"`
	Attempted    int `json:"attempted"`
	Failed       int `json:"failed,omitempty"`
	InFlight     int `json:"in_flight,omitempty"`

	Predicted *Prediction `json:"predicted,omitempty"` // nil: nothing could be predicted
	Peak      Bytes       `json:"peak,omitempty"`      // memory.peak of the cage by then; 0 before Linux 5.19
	Events    Events      `json:"events"`              // memory.events

	Applied []Applied `json:"applied,omitempty"` // the changes of the schedule that came in it
}

// Life returns the outcome as one of several lives, judged by itself: what of the schedule did not come in it may come in the next
// life, and outages are told of the last one.
func (o *Outcome) Life() Life {
	one := *o
	one.Lives, one.Outages, one.Spec.Schedule = nil, nil, nil
	for _, a := range o.Evidence.Applied {
		one.Spec.Schedule = append(one.Spec.Schedule, a.Change)
	}
	verdict, why := one.judgeAfter(o.earlier())
	return Life{
		Container: o.container(),
		Until:     o.Took, Verdict: verdict, Why: why, Status: o.Evidence.Status,
		Acknowledged: o.Acknowledged, Attempted: o.Attempted, Failed: o.Failed, InFlight: o.InFlight,
		Predicted: o.Predicted, Peak: o.Peak, Events: o.Evidence.Events, Applied: o.Evidence.Applied,
	}
}

// container is which one of a pod was watched; "" where none was.
func (o *Outcome) container() string {
	if w := o.Evidence.Watched; w != nil {
		return w.Container
	}
	return ""
}

// named is the name of the container, as it stands before what became of it.
func (l Life) named() string {
	if l.Container == "" {
		return ""
	}
	return l.Container + ": "
}

// String returns "oom-killed after 49 steps", with the name of the container before it.
func (l Life) String() string {
	if l.Attempted == 0 {
		return l.named() + string(l.Verdict)
	}
	return fmt.Sprintf("%s%s after %s", l.named(), l.Verdict, human.Count(l.Acknowledged, "step"))
}

// Steps returns how many steps were acknowledged, and how many were sent, in all lives of the target.
func (o *Outcome) Steps() (acknowledged, attempted int) {
	acknowledged, attempted = o.Acknowledged, o.Attempted
	for _, l := range o.Lives {
		acknowledged += l.Acknowledged
		attempted += l.Attempted
	}
	return acknowledged, attempted
}

// lived says, for the sentence, how earlier lives ended, and of a pod which container this is; "" where there is nothing to say.
func (o *Outcome) lived() string {
	n := len(o.Lives)
	switch {
	case o.container() != "":
		return o.livedBeside()
	case n == 0:
		return ""
	}
	text := fmt.Sprintf("; it was started again %s, and before that it was %s", times(n), o.Lives[0])
	first, last := o.Lives[0].String(), o.Lives[n-1].String()
	other := func(l Life) bool { return l.String() != first }
	switch {
	case n == 1:
	case !slices.ContainsFunc(o.Lives, other):
		text += " each time"
	case first == last:
		text += " first and last"
	default:
		text += fmt.Sprintf(" first and %s last", last)
	}
	if acknowledged, attempted := o.Steps(); attempted > 0 {
		text += fmt.Sprintf("; of all lives %d of %s were acknowledged", acknowledged, human.Count(attempted, "step"))
	}
	return text
}

// past is what earlier lives of a target (Target.Restart) have left to the one that is judged. The zero value is of the first.
type past struct {
	acknowledged, attempted int
	peak                    Bytes // memory.peak, which stays; 0: not known
}

// earlier is what the lives before this one have left. Of a watch each life may have had a cgroup of its own.
func (o *Outcome) earlier() past {
	if len(o.Lives) == 0 || o.Evidence.Watched != nil {
		return past{}
	}
	acknowledged, attempted := o.Steps()
	return past{acknowledged - o.Acknowledged, attempted - o.Attempted, o.Lives[len(o.Lives)-1].Peak}
}

// step names step n of a life as outages and requests do: by its number in the whole load.
func (p past) step(n int) string { return fmt.Sprintf("step %d%s", p.attempted+n, p.ofLoad()) }

// ofLoad says what a number is of, where a life's own would be another.
func (p past) ofLoad() string {
	if p.attempted == 0 {
		return ""
	}
	return " of the whole load"
}

// highestUse is how much the cage had at most in this life: its memory.peak, or its highest reading where that file has no more than
// an earlier life had, and this life did not meet the limit either.
func (o *Outcome) highestUse(past past) Bytes {
	e := o.Evidence
	if past.peak == 0 || e.Peak > past.peak || e.EventsLocal.Max > 0 || e.EventsLocal.OOM > 0 {
		return e.Peak
	}
	highest := e.Current
	for _, s := range o.Timeline {
		highest = max(highest, s.Current)
	}
	return min(highest, e.Peak)
}

// maxEnds bounds how many lives of a pod's containers a sentence has.
const maxEnds = 3

// livedBeside is lived of a container of a pod: those that ended before may have been others.
func (o *Outcome) livedBeside() string {
	text := "; that is the container " + o.container()
	if len(o.Lives) == 0 {
		return text
	}
	var ends []string
	for _, l := range o.Lives[:min(len(o.Lives), maxEnds)] {
		ends = append(ends, l.String())
	}
	if more := len(o.Lives) - len(ends); more > 0 {
		ends = append(ends, fmt.Sprintf("and %d more", more))
	}
	return text + ", after " + strings.Join(ends, ", ")
}

func times[N ~int | ~uint64](n N) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
