package outcome

import (
	"slices"
	"time"
)

const (
	// maxStepTimes is how many steps an outcome keeps: 2,000 of them are 38 KB of its JSON at most.
	maxStepTimes = 2000
	// maxLogged is how many steps a StepLog has at once: 1.3 MB. As long as there are no more, all that is made of it is
	// exact.
	maxLogged = 1 << 15
	// maxSlowest and maxFailed are how many of these a StepLog has beside a part of all.
	maxSlowest = 500
	maxFailed  = 500
)

// StepLog takes in the steps of a run as they are answered. It takes 1.3 MB of memory at most. The zero value has no steps.
type StepLog struct {
	count   int         // of all steps
	evenly  []StepTime  // every stride-th of them
	stride  int         // 0 while all are there
	slowest []StepTime  // a heap, the fastest of them first
	failed  []StepTime  // the first ones, and the last
	last    StepTime    // of all
	ok      acked       // of those that were acknowledged
	took    *histogram  // of these, where not all are there
	kinds   []kindCount // of those that failed
}

// acked are the acknowledged steps: how many, when the first was sent and the last answered, that one, and how long the slowest took.
type acked struct {
	count      int
	begin, end time.Duration
	last       StepTime
	longest    time.Duration
}

type kindCount struct {
	kind  Answer
	count int
}

// Add takes in one more step, in the order in which they are answered.
func (l *StepLog) Add(s StepTime) {
	l.count++
	l.last = s
	if s.Answer == AnswerOK {
		if l.ok.count == 0 {
			l.ok.begin = s.Begin
		}
		l.ok.begin, l.ok.end = min(l.ok.begin, s.Begin), max(l.ok.end, s.Begin+s.Took)
		l.ok.count++
		l.ok.last = s
		l.ok.longest = max(l.ok.longest, s.Took)
	} else {
		l.fail(s)
	}
	if l.took != nil && s.Answer == AnswerOK {
		l.took.add(s.Took)
	}
	l.addSlow(s)
	if l.stride > 1 && (l.count-1)%l.stride != 0 {
		return
	}
	if len(l.evenly) == maxLogged {
		l.halve()
		if (l.count-1)%l.stride != 0 {
			return
		}
	}
	l.evenly = append(l.evenly, s)
}

// fail counts a step that failed, by its kind.
func (l *StepLog) fail(s StepTime) {
	i := slices.IndexFunc(l.kinds, func(k kindCount) bool { return k.kind == s.Answer })
	if i < 0 {
		i, l.kinds = len(l.kinds), append(l.kinds, kindCount{kind: s.Answer})
	}
	l.kinds[i].count++
	if len(l.failed) == maxFailed {
		l.failed[maxFailed-1] = s
		return
	}
	l.failed = append(l.failed, s)
}

// addSlow keeps the step where it is one of the slowest.
func (l *StepLog) addSlow(s StepTime) {
	h := l.slowest
	if len(h) < maxSlowest {
		h = append(h, s)
		for i := len(h) - 1; i > 0 && h[i].Took < h[(i-1)/2].Took; i = (i - 1) / 2 {
			h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
		}
		l.slowest = h
		return
	}
	if s.Took <= h[0].Took {
		return
	}
	h[0] = s
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].Took < h[least].Took {
				least = child
			}
		}
		if least == i {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}

// halve drops every second step. From the first time on a histogram has what all of them took.
func (l *StepLog) halve() {
	if l.took == nil {
		l.took, l.stride = new(histogram), 1
		for _, s := range l.evenly {
			if s.Answer == AnswerOK {
				l.took.add(s.Took)
			}
		}
	}
	l.stride *= 2
	for i := range len(l.evenly) / 2 {
		l.evenly[i] = l.evenly[2*i]
	}
	l.evenly = l.evenly[:len(l.evenly)/2]
}

// Times returns the steps that an outcome keeps, at most 2,000: all, or of more the first, the last, those that failed, the
// slowest, and the rest spread evenly. Their times are rounded, to microseconds in runs of up to 400 s. nil: there was no step.
func (l *StepLog) Times() StepTimes {
	if l.count == 0 {
		return nil
	}
	steps := slices.Concat(l.evenly, l.slowest, l.failed, []StepTime{l.last})
	slices.SortFunc(steps, func(a, b StepTime) int { return a.N - b.N })
	steps = slices.CompactFunc(steps, func(a, b StepTime) bool { return a.N == b.N })
	thin := slices.Clone(StepTimes(steps).Thin(maxStepTimes))
	unit := time.Microsecond
	for thin.span()/unit > maxUnits {
		unit *= 10
	}
	for i, s := range thin {
		thin[i].Begin, thin[i].Took = s.Begin.Round(unit), s.Took.Round(unit)
	}
	return thin
}

// span is what the numbers of StepTimes' JSON add up to: where steps follow each other, the time until the last one's end.
func (t StepTimes) span() time.Duration {
	sum, end := time.Duration(0), time.Duration(0)
	for _, s := range t {
		sum += max(s.Begin-end, end-s.Begin) + s.Took
		end = s.Begin + s.Took
	}
	return sum
}

// maxUnits bounds the numbers of StepTimes' JSON: the gaps and times of 2,000 steps add up to this at most, so that they
// have no more than 5 digits each on average.
const maxUnits = 4e8
