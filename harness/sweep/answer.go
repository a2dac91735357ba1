package sweep

import (
	"fmt"
	"slices"

	"oomcage/harness/internal/human"
	"oomcage/harness/outcome"
)

// Answer is what Bisect has found.
type Answer struct {
	// Name has the values of the axes, as "GOGC=50"; "" where there are none.
	Name string `json:"name,omitempty"`

	// Max is the smallest limit that survived, to the tolerance, all repeats of it and all limits that were tried above. 0:
	// there is none, not even Hi.
	Max outcome.Bytes `json:"max"`

	// Well is the smallest limit at which all repeats were as Search.Criteria ask. 0: there is none, or they ask for nothing.
	Well outcome.Bytes `json:"well,omitempty"`

	// Peak is the highest memory.peak that was seen at the limit to write: Well or, where nothing more was asked for, Max.
	Peak outcome.Bytes `json:"peak,omitempty"`

	// Border is where a run survives by chance; nil where the runs at each limit agree.
	Border *Border `json:"border,omitempty"`

	// Sizing tells of a program that sizes itself by its limit; nil where nothing says so.
	Sizing *Sizing `json:"sizing,omitempty"`

	// Trials are the limits that were tried, the lowest first.
	Trials []Trial `json:"trials"`

	// Unfinished tells that the search has not come to its end: it was ended, or goes on. The rest is then what is known so far.
	Unfinished bool `json:"unfinished,omitempty"`

	// Stopped is why the search stopped without an answer: a run at its upper end failed for another reason than its limit. "" where
	// none did.
	Stopped string `json:"stopped,omitempty"`

	// Warnings say why the answer may not be the one: some runs at a limit survived and some did not, or a
	// higher limit did not survive.
	Warnings []string `json:"warnings,omitempty"`
}

// Border is the range of limits at which the same program survives in some runs and not in others.
type Border struct {
	Lo outcome.Bytes `json:"lo"` // the highest limit at which no run survived; 0 where there is none
	Hi outcome.Bytes `json:"hi"` // the lowest one from which on all did; 0 where there is none

	// Sure is how often a run at Hi survives: between which shares, with a confidence of 95 %.
	Sure Interval `json:"sure"`
}

// Sizing is what tells that a program sizes itself by its limit, as a runtime does whose heap is a part of it.
type Sizing struct {
	// Low and High are two limits that it survived, and LowHeld and HighHeld what it held there.
	Low      outcome.Bytes `json:"low,omitempty"`
	High     outcome.Bytes `json:"high,omitempty"`
	LowHeld  outcome.Bytes `json:"low_held,omitempty"`
	HighHeld outcome.Bytes `json:"high_held,omitempty"`

	// GaveUp is at how many limits its own runtime ended it, where no OOM killer did.
	GaveUp int `json:"gave_up,omitempty"`
}

// At is the trial at a limit; its Runs are 0 where there was none.
func (a *Answer) At(limit outcome.Bytes) Trial {
	for _, t := range a.Trials {
		if t.Max == limit {
			return t
		}
	}
	return Trial{Max: limit}
}

// Below is the highest limit below the answer that was tried; its Runs are 0 where none was.
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

// String says it in a sentence.
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
	name := ""
	for i, v := range base {
		if i > 0 {
			name += "/"
		}
		name += v.Axis + "=" + v.Text
	}
	return name
}
