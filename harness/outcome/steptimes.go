package outcome

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Answer says how a step was answered: AnswerOK, or the kind of its error.
type Answer string

// The answers. A step that failed by its HTTP status has that of HTTPAnswer.
const (
	AnswerOK      Answer = "ok"           // acknowledged
	AnswerTimeout Answer = "timeout"      // its time was up, or the run's
	AnswerRefused Answer = "refused"      // nobody listened: ECONNREFUSED
	AnswerReset   Answer = "reset"        // the connection was broken off: ECONNRESET, EPIPE
	AnswerEOF     Answer = "eof"          // the connection ended before the answer did
	AnswerEnded   Answer = "target ended" // the target had ended, and the step was given up
	AnswerOther   Answer = "other"        // any other error, such as the exit code of a command
)

// HTTPAnswer returns the answer of an HTTP status: "http 503".
func HTTPAnswer(status int) Answer { return Answer(fmt.Sprintf("http %d", status)) }

// StepTime is when a step was sent, and how it went.
type StepTime struct {
	N      int           // its number, from 1 on
	Begin  time.Duration // when it was sent, since the run began
	Took   time.Duration // from then until it was acknowledged, or failed
	Answer Answer        // AnswerOK: it was acknowledged
}

// StepTimes are steps of a run, in the order of their numbers. As JSON they are columns, since there may be 2,000 of them. "n" has each
// step's number less that of the step before, and is left out where no step is missing. "gap" is the time
// from the end of the step before, or from the run's begin, to the step's begin, and "took" how long it took, both in units of
// "unit" nanoseconds. "kinds" are the different answers, and "answer" has the place of each step's answer among them, from 0 on; it is
// left out where there is one answer alone.
type StepTimes []StepTime

// stepColumns are StepTimes as JSON.
type stepColumns struct {
	Unit   int64    `json:"unit"`
	N      []int64  `json:"n,omitempty"`
	Gap    []int64  `json:"gap"`
	Took   []int64  `json:"took"`
	Kinds  []Answer `json:"kinds"`
	Answer []int    `json:"answer,omitempty"`
}

// MarshalJSON writes the columns, and loses nothing.
func (t StepTimes) MarshalJSON() ([]byte, error) {
	c := stepColumns{Unit: t.unit(), N: make([]int64, len(t)), Gap: make([]int64, len(t)), Took: make([]int64, len(t)), Answer: make([]int, len(t))}
	n, end, all := 0, int64(0), true
	for i, s := range t {
		begin, took := int64(s.Begin)/c.Unit, int64(s.Took)/c.Unit
		c.N[i], c.Gap[i], c.Took[i] = int64(s.N-n), begin-end, took
		n, end, all = s.N, begin+took, all && s.N == i+1
		kind := slices.Index(c.Kinds, s.Answer)
		if kind < 0 {
			kind, c.Kinds = len(c.Kinds), append(c.Kinds, s.Answer)
		}
		c.Answer[i] = kind
	}
	if all {
		c.N = nil
	}
	if len(c.Kinds) < 2 {
		c.Answer = nil
	}
	return json.Marshal(c)
}

// unit is the largest power of ten, in nanoseconds, of which all times are multiples.
func (t StepTimes) unit() int64 {
	unit := int64(time.Second)
	for _, s := range t {
		for unit > 1 && (int64(s.Begin)%unit != 0 || int64(s.Took)%unit != 0) {
			unit /= 10
		}
	}
	return unit
}

// UnmarshalJSON reads the columns. Columns of different lengths, numbers that do not rise, and times that do not fit are errors.
func (t *StepTimes) UnmarshalJSON(text []byte) error {
	var c stepColumns
	if err := json.Unmarshal(text, &c); err != nil {
		return err
	}
	steps, err := c.steps()
	if err != nil {
		return fmt.Errorf("the times of steps: %w", err)
	}
	*t = steps
	return nil
}

func (c *stepColumns) steps() (StepTimes, error) {
	size := len(c.Gap)
	switch {
	case size == 0 && len(c.Took) == 0:
		return nil, nil
	case len(c.Took) != size, c.N != nil && len(c.N) != size, c.Answer != nil && len(c.Answer) != size:
		return nil, errors.New("the columns differ in length")
	case c.Unit < 1:
		return nil, fmt.Errorf("the unit is %d ns, and at least 1 is needed", c.Unit)
	case len(c.Kinds) == 0:
		return nil, errors.New("there are no kinds of answers")
	}
	steps := make(StepTimes, size)
	maxUnits := math.MaxInt64 / c.Unit / 4 // begin and end stay below the half of it
	n, end := int64(0), int64(0)
	for i := range steps {
		more, kind := int64(1), 0
		if c.N != nil {
			more = c.N[i]
		}
		if c.Answer != nil {
			kind = c.Answer[i]
		}
		begin := end + max(-maxUnits, min(c.Gap[i], maxUnits))
		switch {
		case more < 1 || more > math.MaxInt64-n:
			return nil, fmt.Errorf("step %d has no number", i+1)
		case begin < 0 || begin > maxUnits || c.Took[i] < 0 || c.Took[i] > maxUnits-begin:
			return nil, fmt.Errorf("step %d has no time", i+1)
		case kind < 0 || kind >= len(c.Kinds):
			return nil, fmt.Errorf("step %d has no answer", i+1)
		}
		n, end = n+more, begin+c.Took[i]
		steps[i] = StepTime{N: int(n), Begin: time.Duration(begin * c.Unit), Took: time.Duration(c.Took[i] * c.Unit), Answer: c.Kinds[kind]}
	}
	return steps, nil
}

// Thin returns at most n steps, in their order: the last, the first, then those that failed, the latest first, in up to half of the
// room; the slowest in half of what is left then; and the rest spread evenly.
func (t StepTimes) Thin(n int) StepTimes {
	if len(t) <= n {
		return t
	}
	picked := make([]bool, len(t))
	left := max(n, 0)
	pick := func(i int) {
		if left > 0 && !picked[i] {
			picked[i] = true
			left--
		}
	}
	pick(len(t) - 1)
	pick(0)
	failures := left / 2
	for i, s := range slices.Backward(t) {
		if s.Answer != AnswerOK && !picked[i] && failures > 0 {
			pick(i)
			failures--
		}
	}
	slowest := make([]int, len(t))
	for i := range slowest {
		slowest[i] = i
	}
	slices.SortStableFunc(slowest, func(a, b int) int { return cmp.Compare(t[b].Took, t[a].Took) })
	for _, i := range slowest[:left/2] {
		pick(i)
	}
	var rest []int
	for i := range t {
		if !picked[i] {
			rest = append(rest, i)
		}
	}
	for i, many := 0, left; i < many; i++ {
		pick(rest[i*len(rest)/many])
	}
	thin := make(StepTimes, 0, n)
	for i, s := range t {
		if picked[i] {
			thin = append(thin, s)
		}
	}
	return thin
}
