package outcome

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stepsOf are acknowledged steps that took this, a millisecond apart.
func stepsOf(took ...time.Duration) StepTimes {
	var steps StepTimes
	at := time.Millisecond
	for i, d := range took {
		steps = append(steps, StepTime{N: i + 1, Begin: at, Took: d, Answer: AnswerOK})
		at += d + time.Millisecond
	}
	return steps
}

func logOf(steps StepTimes) *StepLog {
	l := new(StepLog)
	for _, s := range steps {
		l.Add(s)
	}
	return l
}

func TestStepTimesAreColumns(t *testing.T) {
	steps := stepsOf(2*time.Millisecond, 1500*time.Microsecond, 3*time.Millisecond)
	for want, change := range map[string]func(StepTimes){
		`{"unit":100000,"gap":[10,10,10],"took":[20,15,30],"kinds":["ok"]}`:                             func(StepTimes) {},
		`{"unit":100000,"gap":[10,10,10],"took":[20,15,30],"kinds":["ok","http 503"],"answer":[0,0,1]}`: func(s StepTimes) { s[2].Answer = HTTPAnswer(503) },
		`{"unit":100000,"n":[1,1,7],"gap":[10,10,10],"took":[20,15,30],"kinds":["ok"]}`:                 func(s StepTimes) { s[2].N = 9 },
		`{"unit":1,"gap":[1000000,1000000,1000000],"took":[2000001,1499999,3000000],"kinds":["ok"]}`:    func(s StepTimes) { s[0].Took++; s[1].Begin++; s[1].Took-- },
		`{"unit":100000,"gap":[10,-5,25],"took":[20,15,30],"kinds":["ok"]}`:                             func(s StepTimes) { s[1].Begin -= 1500 * time.Microsecond },
		`{"unit":100000000,"gap":[0,0,0],"took":[0,0,7],"kinds":["eof","ok"],"answer":[0,1,1]}`: func(s StepTimes) {
			copy(s, StepTimes{{1, 0, 0, AnswerEOF}, {2, 0, 0, AnswerOK}, {3, 0, 7e8, AnswerOK}})
		},
	} {
		got := slices.Clone(steps)
		change(got)
		text, err := json.Marshal(got)
		require.NoError(t, err)
		require.JSONEq(t, want, string(text))
		var back StepTimes
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, got, back)
	}
}

func TestColumnsThatAreNoStepsAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`[]`: "cannot unmarshal array",
		`{"unit":1000,"gap":[1],"took":[1,2],"kinds":["ok"]}`:                                "the columns differ in length",
		`{"unit":1000,"n":[1],"gap":[1,2],"took":[1,2],"kinds":["ok"]}`:                      "the columns differ in length",
		`{"unit":1000,"gap":[1],"took":[1],"kinds":["ok"],"answer":[]}`:                      "the columns differ in length",
		`{"gap":[1],"took":[1],"kinds":["ok"]}`:                                              "the unit is 0 ns",
		`{"unit":1,"gap":[1],"took":[1]}`:                                                    "there are no kinds of answers",
		`{"unit":1,"gap":[1],"took":[1],"kinds":["ok"],"answer":[1]}`:                        "step 1 has no answer",
		`{"unit":1,"gap":[1],"took":[1],"kinds":["ok"],"answer":[-1]}`:                       "step 1 has no answer",
		`{"unit":1,"n":[1,0],"gap":[1,1],"took":[1,1],"kinds":["ok"]}`:                       "step 2 has no number",
		`{"unit":1,"n":[1,9223372036854775807],"gap":[1,1],"took":[1,1],"kinds":["ok"]}`:     "step 2 has no number",
		`{"unit":1,"gap":[-1],"took":[1],"kinds":["ok"]}`:                                    "step 1 has no time",
		`{"unit":1,"gap":[1],"took":[-1],"kinds":["ok"]}`:                                    "step 1 has no time",
		`{"unit":1000000000,"gap":[9223372036],"took":[1],"kinds":["ok"]}`:                   "step 1 has no time",
		`{"unit":1,"gap":[9223372036854775807],"took":[9223372036854775807],"kinds":["ok"]}`: "step 1 has no time",
	} {
		var s StepTimes
		require.ErrorContains(t, json.Unmarshal([]byte(text), &s), want, text)
	}
	for _, text := range []string{`null`, `{}`, `{"unit":0,"gap":[],"took":[]}`, `{"gap":null,"more":{}}`} {
		var s StepTimes
		require.NoError(t, json.Unmarshal([]byte(text), &s), text)
		require.Empty(t, s)
	}
}

// manySteps are n steps in about this time, of which each took another time; every 9th failed.
func manySteps(n int, in time.Duration, seed uint64) StepTimes {
	r := rand.New(rand.NewPCG(seed, uint64(n))) //nolint:gosec // times, no secrets
	var steps StepTimes
	at, each := time.Duration(0), in/time.Duration(n)
	for i := range n {
		s := StepTime{N: i + 1, Begin: at + time.Duration(r.Int64N(int64(each)/2+1)), Took: time.Duration(r.Int64N(int64(each)/2 + 1)), Answer: AnswerOK}
		if r.IntN(9) == 0 {
			s.Answer = HTTPAnswer(500 + r.IntN(9))
		}
		at = s.Begin + s.Took
		steps = append(steps, s)
	}
	return steps
}

// The bound is for a line of results, however many steps there were and whatever they took.
func TestKeptStepsStayBelow40KB(t *testing.T) {
	largest := 0
	for _, n := range []int{1, 1999, 2000, 2001, 30_000, 400_000} {
		for _, in := range []time.Duration{time.Second, time.Minute, 10 * time.Minute, 24 * time.Hour} {
			steps := manySteps(n, in, uint64(in))
			kept := logOf(steps).Times()
			require.LessOrEqual(t, len(kept), maxStepTimes)
			require.GreaterOrEqual(t, len(kept), min(n, maxStepTimes))
			text, err := json.Marshal(kept)
			require.NoError(t, err)
			largest = max(largest, len(text))
			require.Less(t, len(text), 40_000, "%d steps in %v", n, in)
			var back StepTimes
			require.NoError(t, json.Unmarshal(text, &back))
			require.Equal(t, kept, back)
		}
	}
	require.Greater(t, largest, 30_000, "the bound is near what there may be")
}

func TestKeptStepsHaveTheFirstTheLastTheSlowestAndErrors(t *testing.T) {
	for _, n := range []int{2500, 40_000, 300_000} {
		steps := manySteps(n, time.Minute, 3)
		for i := range steps {
			steps[i].Answer, steps[i].Took = AnswerOK, min(steps[i].Took, time.Minute/time.Duration(n)/2)
		}
		slow, odd := n/3, n-1000
		steps[slow].Took = time.Second
		steps[odd].Answer = AnswerReset
		steps[n-1].Answer = AnswerEOF
		kept := logOf(steps).Times()
		require.Len(t, kept, maxStepTimes)
		var numbers []int
		for _, s := range kept {
			numbers = append(numbers, s.N)
			at := steps[s.N-1]
			require.Equal(t, at.Answer, s.Answer)
			require.InDelta(t, at.Took, s.Took, float64(time.Microsecond))
			require.InDelta(t, at.Begin, s.Begin, float64(time.Microsecond))
		}
		require.True(t, slices.IsSorted(numbers))
		require.Equal(t, numbers, slices.Compact(slices.Clone(numbers)))
		for _, i := range []int{0, slow, odd, n - 1} {
			require.Contains(t, numbers, i+1, "of %d", n)
		}
		gap := 0
		for i := 1; i < len(numbers); i++ {
			gap = max(gap, numbers[i]-numbers[i-1])
		}
		require.Less(t, gap, 20*n/maxStepTimes+20, "the rest is spread evenly")
	}
}

func TestStepsThatAreThinnedFurtherKeepTheSame(t *testing.T) {
	steps := manySteps(500, time.Second, 1)
	for i := range steps {
		steps[i].Answer = AnswerOK
	}
	steps[77].Took, steps[300].Answer = time.Second, AnswerTimeout
	for n := range 12 {
		thin := steps.Thin(n)
		require.Len(t, thin, n)
		for least, i := range map[int]int{1: 499, 2: 0, 4: 300, 5: 77} {
			if n >= least {
				require.Contains(t, thin, steps[i], "%d steps", n)
			}
		}
	}
	require.Len(t, steps.Thin(500), 500)
	require.Len(t, steps.Thin(4000), 500)
}

// A load may make millions of steps, and the log is not to be what they are slowed by.
func TestAStepCostsNoAllocation(t *testing.T) {
	l, n := new(StepLog), 0
	add := func() {
		n++
		l.Add(StepTime{N: n, Begin: time.Duration(n) * 1000, Took: time.Duration(n*7919%1000) + 1, Answer: AnswerOK})
	}
	for range maxLogged + 1 {
		add()
	}
	require.Zero(t, testing.AllocsPerRun(3*maxLogged, add))
}

// FuzzStepTimes reads any text, and what it could read it writes and reads again.
func FuzzStepTimes(f *testing.F) {
	f.Add(`{"unit":1000,"n":[1,3],"gap":[1,-1],"took":[5,6],"kinds":["ok","eof"],"answer":[0,1]}`)
	f.Add(`{"unit":9223372036854775807,"gap":[0],"took":[0],"kinds":[""]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var steps, back StepTimes
		if json.Unmarshal([]byte(text), &steps) != nil {
			return
		}
		for _, s := range steps {
			require.True(t, s.N > 0 && s.Begin >= 0 && s.Took >= 0 && s.Begin+s.Took >= 0 && s.Begin+s.Took < math.MaxInt64, "%+v", s)
		}
		again, err := json.Marshal(steps)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(again, &back))
		require.Equal(t, steps, back)
	})
}
