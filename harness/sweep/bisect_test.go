//go:build linux

package sweep

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness"
	"oomcage/harness/outcome"
)

// The answer must lie where the prediction has the border, and runs on both sides of that must agree with it. Within it
// the load may survive one time and not the next, of which a warning would tell. It is found again, and no run is made for it,
// of the results that were kept.
func TestTheSmallestLimitOfTheServiceIsFound(t *testing.T) {
	requireCages(t)
	const steps, step, tolerance = 5, 4 * harness.MiB, 2 * harness.MiB
	g := serviceGrid(harness.BuildT(t, "../../app"), nil)
	g.Step = PostTemplate("/generate-load/memory?bytes=" + strconv.Itoa(int(step)))
	g.Spec.Load = outcome.Load{Count: steps, Bytes: step}
	g.Repeat = 2
	// The limits at which the steps may fit, and at which they must, by what the service held at readiness.
	may, must := harness.Unlimited, harness.Bytes(0)
	question := Search{Grid: g, Lo: 8 * harness.MiB, Hi: 64 * harness.MiB, Tolerance: tolerance, Confirm: 4}
	o := Options{Code: serviceIsReady}
	o.Done = func(o *harness.Outcome, _ bool) {
		if o.Predicted == nil {
			return // it was killed before it was ready
		}
		first := func(fits func(outcome.Prediction) bool) harness.Bytes {
			limit := tolerance
			for !fits(outcome.Predict(o.Baseline, harness.Limits{Max: limit}, step)) {
				limit += tolerance
			}
			return limit
		}
		may = min(may, first(func(w outcome.Prediction) bool { return w.Hi >= steps }))
		must = max(must, first(func(w outcome.Prediction) bool { return w.Lo >= steps }))
	}
	path := filepath.Join(t.TempDir(), "results.jsonl")
	var err error
	o.Results, err = Create(path)
	require.NoError(t, err)
	answers, err := Bisect(t.Context(), question, o)
	require.NoError(t, err)
	require.NoError(t, o.Results.Close())
	require.Len(t, answers, 1)
	a := answers[0]
	require.GreaterOrEqual(t, a.Max, may, "%v", a)
	require.LessOrEqual(t, a.Max, must, "%v", a)
	requireProved(t, a, question)
	t.Logf("%v, from %v to %v was predicted", a.Trials, may, must)

	g.Axes = mustAxes(t, fmt.Sprintf("max=%v,%v", may-tolerance, must+tolerance))
	for i, p := range mustPoints(t, g) {
		one, err := Run(t.Context(), []Point{p}, Options{Code: serviceIsReady})
		require.NoError(t, err)
		require.Equal(t, i >= g.Repeat, Survived(one[0]), p.Name)
	}

	o.Results, err = Resume(path)
	require.NoError(t, err)
	defer o.Results.Close()
	made := 0
	o.Done = func(_ *harness.Outcome, earlier bool) {
		if !earlier {
			made++
		}
	}
	again, err := Bisect(t.Context(), question, o)
	require.NoError(t, err)
	require.Zero(t, made)
	require.Equal(t, a.Max, again[0].Max)
	require.Len(t, again[0].Trials, len(a.Trials))
}

func TestASearchThatMakesNoSenseIsRefused(t *testing.T) {
	room := 256 * harness.MiB
	searched := Grid{Spec: app()}
	endless := Grid{Spec: outcome.Spec{Target: app().Target}, Step: PostTemplate("/")}
	for want, s := range map[string]Search{
		"the lower end must come first":        {Grid: searched, Lo: 2 * harness.MiB, Hi: harness.MiB},
		"the load has no end: a number":        {Grid: endless},
		"none may be negative":                 {Grid: searched, Tolerance: -1, Lo: 1},
		"no Target.Path":                       {},
		"memory.max is what is searched":       {Grid: Grid{Spec: app(), Axes: mustAxes(t, "max=1MiB,2MiB")}},
		"would change nothing":                 {Grid: Grid{Spec: app(), Axes: mustAxes(t, "kind=anon,shmem", "count=1"), Step: PostTemplate("/")}},
		"a part of the time":                   {Grid: searched, Criteria: Criteria{Pressure: 1.5}},
		"those of steps, and the load has non": {Grid: Grid{Spec: app()}, Criteria: Criteria{Rate: 1}},
	} {
		_, err := Bisect(t.Context(), s, Options{})
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, Search{Grid: Grid{Spec: endless.Spec, Step: endless.Step, Axes: mustAxes(t, "count=5,10")}}.Validate(Code{}))
	_, err := Bisect(t.Context(), Search{Grid: searched}, Options{Parallel: -1})
	require.ErrorContains(t, err, "must not be negative")
	for _, s := range []Search{{Grid: searched, Hi: 250 * harness.MiB}, {Grid: searched, Lo: 250 * harness.MiB}} {
		err := s.fill(room)
		require.ErrorIs(t, err, ErrNoRoom)
		require.ErrorContains(t, err, "a cage gets at most 248.0 MiB here, as all cages share 256.0 MiB, so that the machine is safe: lower them, or give the machine more memory")
	}
	s := Search{Grid: searched}
	require.NoError(t, s.Validate(Code{}))
	require.NoError(t, s.fill(room))
	searched.Repeat = 3
	require.Equal(t, Search{Grid: searched, Lo: harness.MiB, Hi: 248 * harness.MiB, Tolerance: harness.MiB, Confirm: 15}, s)
}

func TestARunThatCouldNotBeMadeEndsTheSearch(t *testing.T) {
	broken := errors.New("broken")
	s := wholeRange
	s.defaults()
	require.ErrorIs(t, newFinder(s).find(func([]want) error { return broken }), broken)
}

func TestARunThatFailsAtTheUpperEndAndNotForMemoryEndsTheSearch(t *testing.T) {
	s := Search{Lo: harness.MiB, Hi: 64 * harness.MiB}
	s.defaults()
	gone := survivedAt(64*harness.MiB, 0)
	gone.Error = "POST http://x/typo: 404 Not Found"
	killed := killedAt(64*harness.MiB, 10*harness.MiB)
	gaveUp := endedAt(64*harness.MiB, outOfItsMemory)
	at := func(limit harness.Bytes, as ...*harness.Outcome) (*Answer, error) {
		f := newFinder(s)
		err := f.find(func(wants []want) error {
			for _, w := range wants {
				for n := f.runs(w.max); n < w.runs; n++ {
					o := survivedAt(w.max, 0)
					switch {
					case w.max == limit:
						o = as[n%len(as)]
					case w.max < 40*harness.MiB:
						o = killedAt(w.max, 10*harness.MiB)
					}
					f.add(w.max, o)
				}
			}
			return nil
		})
		return f.answer(nil), err
	}
	_, err := at(64*harness.MiB, killed, gone)
	require.ErrorContains(t, err, "the upper end, 64MiB, failed for another reason than its limit: "+gone.Why+": POST http://x/typo: 404 Not Found")
	a, err := at(64*harness.MiB, killed)
	require.NoError(t, err, "there is an answer: it is above")
	require.Zero(t, a.Max)
	a, err = at(64*harness.MiB, killed, gaveUp)
	require.NoError(t, err, "with more it may not")
	require.Zero(t, a.Max)
	a, err = at(39*harness.MiB, gaveUp)
	require.NoError(t, err)
	require.Empty(t, a.Warnings)
	a, err = at(39*harness.MiB, killed, gone)
	require.NoError(t, err)
	require.Equal(t, 40*harness.MiB, a.Max)
	require.Len(t, a.Warnings, 1)
	require.Contains(t, a.Warnings[0], "at 39MiB a run failed for another reason than its limit: ")
	require.Empty(t, Failure(survivedAt(harness.MiB, 5)))
	killed.Error = "POST http://x/: EOF"
	require.Equal(t, killed.Why, Failure(killed))
}

func TestSurvivalIsAnEndWithoutHarm(t *testing.T) {
	exited := func(code int) *harness.Outcome {
		o := &harness.Outcome{}
		o.Evidence.Status = outcome.ExitStatus{Ended: true, Code: code}
		o.Verdict, o.Why = o.Judge()
		return o
	}
	require.True(t, Survived(survivedAt(harness.MiB, 5)))
	require.True(t, Survived(exited(0)))
	require.False(t, Survived(exited(1)))
	require.False(t, Survived(killedAt(64*harness.MiB, 10*harness.MiB)))
	refused := survivedAt(harness.MiB, 5)
	refused.Error = "step 6: 500"
	require.False(t, Survived(refused), "it lives, and it did not do what was asked")
	early := exited(0)
	early.Attempted = 2
	require.False(t, Survived(early), "it ended before its load did")
}
