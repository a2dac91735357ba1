package sweep

import (
	"slices"
	"strconv"
	"strings"

	shellquote "github.com/kballard/go-shellquote"

	"oomcage/harness/outcome"
)

// AnswersOf returns the answers of the search that the outcomes are from, as Bisect gave them: one for each combination of the values
// of its axes, in the order of the outcomes. Outcomes without a memory.max are left out. It needs Lo, Hi, Tolerance, Confirm, Criteria
// and Grid.Repeat of the search, to know whether it has come to its end. Where Hi is 0, it takes the highest limit that was tried,
// at which the search began.
func AnswersOf(outcomes []*outcome.Outcome, s Search) []*Answer {
	s.defaults()
	var answers []*Answer
	for _, g := range groups(outcomes, RepeatAxis, maxAxis) {
		limited := slices.DeleteFunc(slices.Clone(g.outcomes), func(o *outcome.Outcome) bool { return o.Spec.Limits.Max == 0 })
		if len(limited) == 0 {
			continue
		}
		of := s
		if of.Hi == 0 {
			for _, o := range limited {
				of.Hi = max(of.Hi, o.Spec.Limits.Max)
			}
		}
		f := newFinder(of)
		for _, o := range limited {
			f.add(o.Spec.Limits.Max, o)
		}
		f.done = f.next() == nil
		answers = append(answers, f.answer(otherValues(limited[0].Name)))
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

// BisectCommand reads Origin.Command of an outcome. It reports whether that is oomcage bisect, and returns the search's Lo, Hi,
// Tolerance, Confirm, Criteria and Grid.Repeat as far as the command has them, and the headroom, which is 0.2 where it has none.
func BisectCommand(command string) (s Search, headroom float64, ok bool) {
	flags, ok := strings.CutPrefix(command, "oomcage bisect ")
	if !ok {
		return s, 0, false
	}
	headroom = 0.2
	words, err := shellquote.Split(flags)
	if err != nil {
		return s, headroom, true // no oomcage has written it
	}
	if end := slices.Index(words, "--"); end >= 0 { // the program's own begin there
		words = words[:end]
	}
	for i, word := range words[:max(len(words)-1, 0)] {
		value := words[i+1]
		switch word { // each was taken before the first run
		case "--max-latency":
			_ = s.Criteria.Latency.Set(value)
		case "--lo":
			setSize(&s.Lo, value)
		case "--hi":
			setSize(&s.Hi, value)
		case "--tolerance":
			setSize(&s.Tolerance, value)
		default:
			if number, err := strconv.ParseFloat(strings.TrimRight(value, "%/s"), 64); err == nil && number >= 0 {
				s.setNumber(word, number, &headroom)
			}
		}
	}
	return s, headroom, true
}

// setSize reads a size that a limit can have.
func setSize(b *outcome.Bytes, text string) {
	if n, err := outcome.ParseBytes(text); err == nil && n > 0 && n != outcome.Unlimited {
		*b = n
	}
}

// setNumber takes in what a flag was given.
func (s *Search) setNumber(flag string, number float64, headroom *float64) {
	switch flag {
	case "--headroom":
		*headroom = number / 100
	case "--max-pressure":
		s.Criteria.Pressure = number / 100
	case "--max-refaults":
		pages := uint64(number)
		s.Criteria.Refaults = &pages
	case "--min-throughput":
		s.Criteria.Rate = number
	case "--repeat":
		s.Grid.Repeat = int(number)
	case "--confirm":
		s.Confirm = int(number)
	}
}
