//go:build linux

package sweep

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness"
	"oomcage/harness/outcome"
)

// search looks between 1 and 64 MiB.
func search(tolerance harness.Bytes) *Search {
	return &Search{Spec: searched(), Lo: harness.MiB, Hi: 64 * harness.MiB, Tolerance: tolerance, Repeats: 3}
}

// survivesFrom is a load that needs so much.
func survivesFrom(need harness.Bytes, tried *int) func(harness.Bytes) (Trial, error) {
	return func(limit harness.Bytes) (Trial, error) {
		*tried++
		t := Trial{Max: limit, Runs: 3}
		if limit >= need {
			t.Survived = 3
		}
		return t, nil
	}
}

func TestTheSearchFindsEverySmallestLimitToItsTolerance(t *testing.T) {
	for _, tolerance := range []harness.Bytes{harness.MiB, 4 * harness.MiB, 100 * harness.KiB} {
		for need := 2 * harness.MiB; need <= 64*harness.MiB; need += 333 * harness.KiB {
			tried := 0
			a, err := search(tolerance).bisect(survivesFrom(need, &tried))
			require.NoError(t, err)
			require.GreaterOrEqual(t, a.Max, need)
			require.Less(t, a.Max, need+tolerance)
			require.LessOrEqual(t, tried, 14, "halving")
			require.Empty(t, a.Warnings)
			require.Len(t, a.Trials, tried, "no limit is tried twice")
			for i := 1; i < len(a.Trials); i++ {
				require.Greater(t, a.Trials[i].Max, a.Trials[i-1].Max)
			}
		}
	}
}

func TestTheEndsOfTheSearchAreAnswersToo(t *testing.T) {
	tried := 0
	a, err := search(harness.MiB).bisect(survivesFrom(65*harness.MiB, &tried))
	require.NoError(t, err)
	require.Zero(t, a.Max)
	require.Equal(t, 1, tried, "what does not survive the most is not tried with less")
	a, err = search(harness.MiB).bisect(survivesFrom(0, &tried))
	require.NoError(t, err)
	require.Equal(t, harness.MiB, a.Max)
}

func TestAnAnswerThatIsNotMonotoneComesWithAWarning(t *testing.T) {
	for want, odd := range map[string]Trial{
		"at 32MiB only 1 of 3 runs survived":               {Max: 32 * harness.MiB, Runs: 3, Survived: 1},
		"40MiB survived and 41MiB, which is more, did not": {Max: 41 * harness.MiB, Runs: 3},
	} {
		tried := 0
		normal := survivesFrom(40*harness.MiB, &tried)
		a, err := search(harness.MiB).bisect(func(limit harness.Bytes) (Trial, error) {
			if limit == odd.Max {
				return odd, nil
			}
			return normal(limit)
		})
		require.NoError(t, err)
		require.Equal(t, 40*harness.MiB, a.Max)
		require.Len(t, a.Warnings, 1)
		require.Contains(t, a.Warnings[0], want)
	}
}

func TestARunThatCouldNotBeMadeEndsTheSearch(t *testing.T) {
	broken := errors.New("broken")
	_, err := search(harness.MiB).bisect(func(harness.Bytes) (Trial, error) { return Trial{}, broken })
	require.ErrorIs(t, err, broken)
}

func TestARunThatFailsAtTheUpperEndAndNotForMemoryEndsTheSearch(t *testing.T) {
	gone := survivedAt(64*harness.MiB, 0)
	gone.Error = "POST http://x/typo: 404 Not Found"
	killed := killedAt(64*harness.MiB, 10*harness.MiB)
	at := func(limit harness.Bytes, runs ...*harness.Outcome) func(harness.Bytes) (Trial, error) {
		tried := 0
		normal := survivesFrom(40*harness.MiB, &tried)
		return func(l harness.Bytes) (Trial, error) {
			if l == limit {
				return Trial{Max: l, Runs: len(runs), Outcomes: runs}, nil
			}
			return normal(l)
		}
	}
	_, err := search(harness.MiB).bisect(at(64*harness.MiB, killed, gone, gone))
	require.ErrorContains(t, err, "the upper end, 64MiB, failed for another reason than its limit: "+gone.Why+": POST http://x/typo: 404 Not Found")
	a, err := search(harness.MiB).bisect(at(64*harness.MiB, killed, killed))
	require.NoError(t, err, "there is an answer: it is above")
	require.Zero(t, a.Max)
	gaveUp := endedAt(64*harness.MiB, outOfItsMemory)
	a, err = search(harness.MiB).bisect(at(64*harness.MiB, killed, gaveUp))
	require.NoError(t, err, "with more it may not")
	require.Zero(t, a.Max)
	a, err = search(harness.MiB).bisect(at(harness.MiB, gaveUp, gaveUp))
	require.NoError(t, err)
	require.Empty(t, a.Warnings)
	a, err = search(harness.MiB).bisect(at(harness.MiB, killed, gone))
	require.NoError(t, err)
	require.Equal(t, 40*harness.MiB, a.Max)
	require.Len(t, a.Warnings, 1)
	require.Contains(t, a.Warnings[0], "at 1MiB a run failed for another reason than its limit: ")
	require.Empty(t, Failure(survivedAt(harness.MiB, 5)))
	killed.Error = "POST http://x/: EOF"
	require.Equal(t, killed.Why, Failure(killed))
}

func searched() harness.Spec { return harness.WithoutCode(app()) }

func TestASearchThatMakesNoSenseIsRefused(t *testing.T) {
	room := 256 * harness.MiB
	for want, s := range map[string]Search{
		"the lower end must come first": {Spec: searched(), Lo: 2 * harness.MiB, Hi: harness.MiB},
		"has no end":                    {Spec: harness.Spec{Target: searched().Target, Load: harness.Load{Step: harness.HTTPPost("/")}}},
		"neither may be negative":       {Spec: searched(), Tolerance: -1, Lo: 1},
		"no Target.Path":                {},
	} {
		_, err := Bisect(t.Context(), s)
		require.ErrorContains(t, err, want)
	}
	for _, s := range []Search{{Spec: searched(), Hi: 250 * harness.MiB}, {Spec: searched(), Lo: 250 * harness.MiB}} {
		err := s.fill(room)
		require.ErrorIs(t, err, ErrNoRoom)
		require.ErrorContains(t, err, "a cage gets at most 248MiB here, as all cages share 256MiB")
	}
	s := Search{Spec: searched()}
	require.NoError(t, s.Validate())
	require.NoError(t, s.fill(room))
	require.Equal(t, Search{Spec: searched(), Lo: harness.MiB, Hi: 248 * harness.MiB, Tolerance: harness.MiB, Repeats: 3}, s)
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
