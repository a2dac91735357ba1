package sweep

import (
	"strconv"
	"strings"

	"oomcage/harness/outcome"
)

// AnswersOf returns the answers of the search that outcomes are from, as Bisect gave them: one for each combination of the values of its
// axes, in the order of the outcomes.
func AnswersOf(outcomes []*outcome.Outcome, works Criteria) []*Answer {
	var answers []*Answer
	for _, g := range groups(outcomes, RepeatAxis, maxAxis) {
		f := newFinder(Search{Criteria: works})
		if works.Asked() {
			f.well = f.walk()
		}
		var base []Value
		for _, o := range g.outcomes {
			if o.Spec.Limits.Max != 0 {
				f.add(o.Spec.Limits.Max, o)
				base = otherValues(o.Name)
			}
		}
		if len(f.trials) > 0 {
			answers = append(answers, f.answer(base))
		}
	}
	return answers
}

// otherValues are those of a name beside the limit and the repeat.
func otherValues(name string) (values []Value) {
	for _, v := range ParseName(name) {
		if v.Axis != maxAxis && v.Axis != RepeatAxis {
			values = append(values, v)
		}
	}
	return values
}

// BisectCommand reports whether a command, as an outcome's Origin has it, is oomcage bisect, and which criteria and what headroom it
// was given: 0.2, a fifth, where it says nothing.
func BisectCommand(command string) (works Criteria, headroom float64, ok bool) {
	flags, ok := strings.CutPrefix(command, "oomcage bisect ")
	if !ok {
		return works, 0, false
	}
	headroom = 0.2
	flags, _, _ = strings.Cut(flags, " -- ") // the program's own begin there
	words := strings.Fields(flags)
	for i, word := range words {
		if i+1 == len(words) {
			break
		}
		value := strings.Trim(words[i+1], "'")
		number, err := strconv.ParseFloat(strings.TrimRight(value, "%/s"), 64)
		switch {
		case word == "--max-latency":
			_ = works.Latency.Set(value) // it was taken before the first run, as the others were
		case err != nil:
		case word == "--headroom":
			headroom = number / 100
		case word == "--max-pressure":
			works.Pressure = number / 100
		case word == "--max-refaults":
			pages := uint64(number)
			works.Refaults = &pages
		case word == "--min-throughput":
			works.Rate = number
		}
	}
	return works, headroom, true
}
