package sweep

import (
	"fmt"
	"slices"
	"strings"

	"oomcage/harness/internal/human"
	"oomcage/harness/outcome"
)

// Answer is what Bisect has found for one combination of the grid's axes.
type Answer struct {
	// Name has the values of the axes, as "GOGC=50"; "" where there are no axes.
	Name string `json:"name,omitempty"`

	// Max is the smallest memory.max, to the tolerance, that all runs survived, at it and at each higher limit that was tried. 0:
	// there is none, as not all runs at Search.Hi survived.
	Max outcome.Bytes `json:"max"`

	// Well is the smallest memory.max at which, and at each higher one that was tried, all runs met Search.Criteria. 0: there is
	// none, or the criteria ask for nothing.
	Well outcome.Bytes `json:"well,omitempty"`

	// Peak is the highest memory.peak at Well or, where the criteria ask for nothing, at Max. 0: not known, as before Linux 5.19.
	Peak outcome.Bytes `json:"peak,omitempty"`

	// Border is where a run survives by chance; nil where the runs at each limit agree.
	Border *Border `json:"border,omitempty"`

	// Sizing is set where the runs show that the program sizes itself by its limit.
	Sizing *Sizing `json:"sizing,omitempty"`

	// Trials are the limits that were tried, the lowest first.
	Trials []Trial `json:"trials"`

	// Unfinished is set where the search has not come to its end: it was stopped, or goes on. Everything else is then what is known
	// so far.
	Unfinished bool `json:"unfinished,omitempty"`

	// Stopped is why the search stopped without an answer: a run at its upper end failed for another reason than its limit. "" where
	// none did.
	Stopped string `json:"stopped,omitempty"`

	// Warnings are sentences that say why the answer may be wrong: a run failed for another reason than its limit, a higher limit
	// did not survive, or the search was given up after many limits.
	Warnings []string `json:"warnings,omitempty"`
}

// Border is the range of limits at which the same program survives in some runs and not in others.
type Border struct {
	Lo outcome.Bytes `json:"lo"` // the highest limit below all those that a run survived; 0: there is none
	Hi outcome.Bytes `json:"hi"` // the lowest limit from which on all runs survived: Answer.Max; 0: there is none

	// Sure is the share of runs at Hi that survive, with a confidence of 95 %.
	Sure Interval `json:"sure"`
}

// Sizing is what shows that a program takes more memory where its limit is higher, as a runtime does whose heap is a share of it.
type Sizing struct {
	// Low and High are two values of memory.max that all runs survived, and LowHeld and HighHeld what the program held there (see
	// Trial.Held). 0: nothing but GaveUp shows it.
	Low      outcome.Bytes `json:"low,omitempty"`
	High     outcome.Bytes `json:"high,omitempty"`
	LowHeld  outcome.Bytes `json:"low_held,omitempty"`
	HighHeld outcome.Bytes `json:"high_held,omitempty"`

	// GaveUp is the number of limits at which the verdict of a run was outcome.RuntimeOOM.
	GaveUp int `json:"gave_up,omitempty"`
}

// At returns the trial at a limit; one without Runs where that was not tried.
func (a *Answer) At(limit outcome.Bytes) Trial {
	for _, t := range a.Trials {
		if t.Max == limit {
			return t
		}
	}
	return Trial{Max: limit}
}

// Below returns the trial at the highest limit below Max that was tried; one without Runs where there was none.
func (a *Answer) Below() Trial {
	for _, t := range slices.Backward(a.Trials) {
		if t.Max < a.Max {
			return t
		}
	}
	return Trial{}
}

// answer is what is known by now.
func (f *finder) answer(base []Value) *Answer {
	a := &Answer{Name: nameOf(base), Max: f.lives.answer(), Trials: []Trial{}}
	if err := f.topFailure(); err != nil {
		a.Stopped = err.Error()
	}
	a.Unfinished = !f.done && a.Stopped == ""
	for _, t := range f.trials {
		a.Trials = append(a.Trials, *t)
	}
	best := a.Max
	if f.well != nil {
		a.Well = f.well.answer()
		best = a.Well
	}
	a.Peak = a.At(best).Peak
	if slices.ContainsFunc(f.lives.tried, tried.mixed) {
		lo, _ := f.lives.bottom()
		sure := a.At(a.Max)
		a.Border = &Border{Lo: lo, Hi: a.Max, Sure: sure.Interval()}
	}
	a.Sizing = sizing(a.Trials)
	a.warn()
	return a
}

// warn says what the answer does not.
func (a *Answer) warn() {
	for _, t := range a.Trials {
		if o := t.firstThat(FailedOtherwise); o != nil && a.Max != 0 {
			a.Warnings = append(a.Warnings, fmt.Sprintf("at %v a run failed for another reason than its limit: %s", t.Max, Failure(o)))
		}
		if t.Max < a.Max && t.survives() && t.Runs > 0 {
			if dead := a.deadAbove(t.Max); dead.Runs > 0 {
				a.Warnings = append(a.Warnings, fmt.Sprintf("%v survived (%d of %d) and %v, which is more, did not (%d of %d): the answer is above both", t.Max, t.Survived, t.Runs, dead.Max, dead.Survived, dead.Runs))
			}
		}
	}
	if len(a.Trials) >= maxLimits {
		a.Warnings = append(a.Warnings, fmt.Sprintf("the search was ended after %d limits: whether a run survives has little to do with its limit", len(a.Trials)))
	}
}

// deadAbove is the lowest limit above this one at which not all survived.
func (a *Answer) deadAbove(limit outcome.Bytes) Trial {
	for _, t := range a.Trials {
		if t.Max > limit && !t.survives() {
			return t
		}
	}
	return Trial{}
}

// What tells that a program holds more where it is allowed more, and not by chance: at a limit that is a fifth higher, for each
// byte of it, and in all. A Go service held 22.0 to 24.2 MiB at 25 MiB, by a huge page more or less, and 22.0 MiB at 554 (2026-11).
const (
	sizingLimit = 1.2
	sizingSlope = 0.1
	sizingHeld  = 1.15
)

// sizing looks for the two limits that tell most; nil where nothing tells that the program sizes itself. The limits at which all
// runs survived count alone: elsewhere those that happened to hold little are left. So do those above which no other held less.
func sizing(trials []Trial) *Sizing {
	s := Sizing{}
	var lived []Trial
	for _, t := range trials {
		if t.firstThat(func(o *outcome.Outcome) bool { return o.Verdict == outcome.RuntimeOOM }) != nil {
			s.GaveUp++
		}
		if t.Held > 0 && t.survives() {
			lived = append(lived, t)
		}
	}
	for i, low := range lived {
		for j, high := range lived[i+1:] {
			if float64(high.Max) < sizingLimit*float64(low.Max) || float64(high.Held) < sizingHeld*float64(low.Held) {
				continue
			}
			if slices.ContainsFunc(lived[i+j+2:], func(t Trial) bool { return t.Held < high.Held }) {
				continue
			}
			more := high.Held - low.Held
			if float64(more) >= sizingSlope*float64(high.Max-low.Max) && more > s.HighHeld-s.LowHeld {
				s.Low, s.High, s.LowHeld, s.HighHeld = low.Max, high.Max, low.Held, high.Held
			}
		}
	}
	if s.High == 0 && s.GaveUp < 2 {
		return nil
	}
	return &s
}

// String says it in a sentence: "the program sizes itself by its limit: it held 46.1 MiB at 64MiB, and 92.3 MiB at 128MiB".
func (s Sizing) String() string {
	text := "the program sizes itself by its limit"
	if s.High != 0 {
		text += fmt.Sprintf(": it held %s at %v, and %s at %v", human.Size(s.LowHeld), s.Low, human.Size(s.HighHeld), s.High)
	}
	if s.GaveUp > 0 {
		text += fmt.Sprintf("; at %s its own runtime ended it, and no OOM killer", human.Count(s.GaveUp, "limit"))
	}
	return text
}

// nameOf is how the points of a combination of values are told from others.
func nameOf(base []Value) string {
	var parts []string
	for _, v := range base {
		parts = append(parts, v.Axis+"="+v.Text)
	}
	return strings.Join(parts, "/")
}
