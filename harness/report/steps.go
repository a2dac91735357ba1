package report

import (
	"cmp"
	"time"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
)

// stepsPlot is how long each step took, on the time axis of the timeline.
type stepsPlot struct {
	Took    scale              `json:"took,omitzero"` // microseconds
	P50     string             `json:"p50,omitempty"` // of those that were acknowledged
	Last    string             `json:"last,omitempty"`
	Slowest string             `json:"slowest,omitempty"`
	Doubled *moment            `json:"doubled,omitempty"` // where steps began to take twice as long
	Columns map[string][]int64 `json:"columns"`           // gap from the end of the step before to its begin, and took; both µs
	Failed  []int              `json:"failed,omitempty"`  // places in the columns
}

// moment is a point of the time axis that has a name.
type moment struct {
	At   int64  `json:"at"` // microseconds
	Took int64  `json:"took,omitempty"`
	Text string `json:"text"`
}

func momentAt(at time.Duration, text string) moment {
	return moment{At: at.Microseconds(), Text: printable.Line(ends(text, minText))}
}

// stepsOf makes the plot of the steps' latency; nil where nothing is known of them.
func stepsOf(o *outcome.Outcome, steps outcome.StepTimes) *stepsPlot {
	if len(steps) == 0 || o.Latency == nil {
		return nil
	}
	s := &stepsPlot{Columns: map[string][]int64{}}
	var end, slowest time.Duration
	for i, step := range steps {
		s.Columns["gap"] = append(s.Columns["gap"], (step.Begin - end).Microseconds())
		s.Columns["took"] = append(s.Columns["took"], step.Took.Microseconds())
		// Of whole microseconds, so that what is left out does not add up.
		end = step.Begin.Truncate(time.Microsecond) + step.Took.Truncate(time.Microsecond)
		slowest = max(slowest, step.Took)
		if step.Answer != outcome.AnswerOK {
			s.Failed = append(s.Failed, i)
		}
	}
	s.Took = durationScale(max(slowest, time.Microsecond))
	s.Slowest = human.Duration(slowest)
	if l := o.Latency; l.Count > 0 {
		s.P50, s.Last = human.Duration(l.P50), human.Duration(l.Last)
		if l.Doubled != nil {
			m := momentAt(l.Doubled.At, l.Doubled.String())
			s.Doubled = &m
		}
	}
	return s
}

// killMoments are when OOM kills were seen in the cage. The first ones have the names of their victims, where the log tells them.
func killMoments(e outcome.Evidence, maxCount int) []moment {
	var all []moment
	for i, k := range e.KillTimes[:min(len(e.KillTimes), maxCount)] {
		text := "OOM kill"
		if i < len(e.Kills) && len(e.Kills) == len(e.KillTimes) {
			text = cmp.Or(e.Kills[i].String(), text)
		}
		all = append(all, momentAt(k.At, text))
	}
	return all
}

// captureMoments are the captures that have begun.
func captureMoments(e outcome.Evidence, maxCount int) []moment {
	var all []moment
	for _, c := range e.Captures {
		if c.Current > 0 && len(all) < maxCount {
			m := momentAt(c.At, c.Capture.What())
			m.Took = c.Took.Microseconds()
			all = append(all, m)
		}
	}
	return all
}
