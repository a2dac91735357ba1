package compare

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// triedAt has what needs so much run at these limits, in MiB, so many times each; below it dies.
func triedAt(repeats int, need int, limits ...int) (all []*outcome.Outcome) {
	for _, l := range limits {
		for n := range repeats {
			all = append(all, run60(fmt.Sprintf("max=%dMiB/repeat=%d", l, n+1), outcome.Bytes(l)*outcome.MiB, outcome.Bytes(need)*outcome.MiB))
		}
	}
	return all
}

func TestTheSmallestLimitIsComparedWhateverLimitsWereTried(t *testing.T) {
	grid := []int{48, 56, 64, 72}
	for name, c := range map[string]struct {
		base, head     []*outcome.Outcome
		from, to       int
		apart, changed bool
	}{
		"equal":                        {triedAt(5, 60, grid...), triedAt(5, 60, grid...), 64, 64, false, false},
		"a sweep, worse":               {triedAt(5, 60, grid...), triedAt(5, 66, grid...), 64, 72, true, true},
		"a sweep, better":              {triedAt(5, 60, grid...), triedAt(5, 50, grid...), 64, 56, true, true},
		"none is survived any more":    {triedAt(5, 60, grid...), triedAt(5, 90, grid...), 64, 0, true, true},
		"one is survived at last":      {triedAt(5, 90, grid...), triedAt(5, 60, grid...), 0, 64, true, true},
		"bisect, other limits, worse":  {triedAt(3, 60, 4, 34, 49, 57, 60, 61, 64), triedAt(3, 63, 4, 34, 49, 57, 61, 62, 63, 64), 60, 63, true, true},
		"bisect, other limits, better": {triedAt(3, 63, 4, 34, 49, 57, 61, 62, 63, 64), triedAt(3, 60, 4, 34, 49, 57, 60, 61, 64), 63, 60, true, true},
		"between what was tried":       {triedAt(5, 60, 48, 62), triedAt(5, 60, 48, 64), 62, 64, false, false},
		"once, without a significance": {triedAt(1, 60, grid...), triedAt(1, 66, grid...), 64, 72, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			compared := Compare(mustRead(t, c.base...), mustRead(t, c.head...))
			require.Len(t, compared.Series, 1)
			s := compared.Series[0]
			require.Equal(t, outcome.Bytes(c.from)*outcome.MiB, s.Base)
			require.Equal(t, outcome.Bytes(c.to)*outcome.MiB, s.Head)
			require.Equal(t, c.apart, s.Apart)
			require.Equal(t, c.changed, s.Changed)
			worse := s.Worse()
			require.Equal(t, c.changed && worse, len(compared.Check(mustGates(t, "limit"))) > 0)
		})
	}
}

func TestALimitThatIsSurvivedSometimesMovesNothing(t *testing.T) {
	flaky := triedAt(5, 60, 56, 64, 72)
	flaky[7] = run60(flaky[7].Name, 64*outcome.MiB, 90*outcome.MiB)
	c := Compare(mustRead(t, triedAt(5, 60, 56, 64, 72)...), mustRead(t, flaky...))
	s := c.Series[0]
	require.Equal(t, 64*outcome.MiB, s.Base)
	require.Equal(t, 72*outcome.MiB, s.Head)
	require.True(t, s.Apart)
	require.False(t, s.Changed, "one run of five")
	require.InDelta(t, 1, *s.Test.P, 1e-9)
}

func TestAGateOfALimitHasAnAmount(t *testing.T) {
	c := Compare(mustRead(t, triedAt(5, 60, 56, 64, 72)...), mustRead(t, triedAt(5, 66, 56, 64, 72)...))
	require.Len(t, c.Check(mustGates(t, "limit +4MiB")), 1)
	require.Equal(t, "limit +4MiB: (all): 64 MiB → 72 MiB", c.Failures[0].String())
	require.Empty(t, c.Check(mustGates(t, "limit +8MiB")))
	require.Len(t, c.Check(mustGates(t, "limit +10%")), 1)
	require.Empty(t, c.Check(mustGates(t, "limit -1MiB")))
	c = Compare(mustRead(t, triedAt(5, 60, 56, 64, 72)...), mustRead(t, triedAt(5, 90, 56, 64, 72)...))
	require.Len(t, c.Check(mustGates(t, "limit +1GiB")), 1, "none is survived any more")
	require.Contains(t, c.Failures[0].Text, "64 MiB → none survived")
}

func TestASeriesOfOneLimitHasNoSmallest(t *testing.T) {
	require.Empty(t, Compare(mustRead(t, triedAt(5, 60, 64)...), mustRead(t, triedAt(5, 60, 64)...)).Series)
}

// counted is so many of 3 or 15 runs at each limit, in MiB, that survived: what a search of a Go service has come to, whose peak is by
// a huge page more or less.
func counted(limits map[int]share) (all []*outcome.Outcome) {
	for _, l := range slices.Sorted(maps.Keys(limits)) {
		for n := range limits[l].runs {
			need := l - 1
			if n >= limits[l].such {
				need = l + 1
			}
			all = append(all, run60(fmt.Sprintf("max=%dMiB/repeat=%d", l, n+1), outcome.Bytes(l)*outcome.MiB, outcome.Bytes(need)*outcome.MiB))
		}
	}
	return all
}

// Three real searches, of the same build twice and of one that takes 3 MiB more.
var (
	searched  = map[int]share{19: {1, 0}, 20: {15, 0}, 21: {3, 1}, 22: {3, 2}, 23: {3, 2}, 24: {15, 14}, 25: {15, 15}, 26: {3, 3}, 554: {1, 1}}
	again     = map[int]share{20: {15, 0}, 21: {3, 2}, 22: {3, 2}, 23: {3, 2}, 24: {15, 15}, 25: {3, 3}, 555: {1, 1}}
	threeMore = map[int]share{22: {3, 0}, 23: {15, 0}, 24: {15, 2}, 25: {3, 2}, 26: {3, 2}, 27: {15, 11}, 28: {15, 15}, 29: {3, 3}, 561: {1, 1}}
)

// A quarter of the range of 0 and 1 was taken off what survived, so that nothing was found that survives more often than not.
func TestALimitMovesWhereTheBorderIsNotSharp(t *testing.T) {
	gates := mustGates(t, "limit +5%")
	for _, base := range []map[int]share{searched, again} {
		c := Compare(mustRead(t, counted(base)...), mustRead(t, counted(threeMore)...))
		require.Len(t, c.Check(gates), 1)
		require.Less(t, *c.Series[0].Test.P, 1e-4)
		require.Empty(t, Compare(mustRead(t, counted(threeMore)...), mustRead(t, counted(base)...)).Check(gates), "better")
	}
	for _, pair := range [][2]map[int]share{{searched, again}, {again, searched}} {
		c := Compare(mustRead(t, counted(pair[0])...), mustRead(t, counted(pair[1])...))
		require.Empty(t, c.Check(mustGates(t, "limit, verdict")))
		require.InDelta(t, 0.68, *c.Series[0].Test.P, 0.01)
	}
	c := Compare(mustRead(t, counted(map[int]share{25: {18, 18}, 28: {1, 1}})...), mustRead(t, counted(map[int]share{25: {36, 17}, 28: {1, 1}})...))
	require.Len(t, c.Check(gates), 1)
	require.Len(t, c.Check(mustGates(t, "verdict")), 1, "what ends otherwise in half of the runs has changed")
}

func TestTheAnswersOfTwoSearchesThatMayDifferByChanceAskForMoreRepeats(t *testing.T) {
	few := Compare(mustRead(t, counted(map[int]share{20: {5, 0}, 24: {5, 5}, 28: {5, 5}})...), mustRead(t, counted(map[int]share{20: {5, 0}, 24: {5, 2}, 28: {5, 5}})...))
	before := slices.Clone(few.Notes)
	require.Empty(t, few.Check(mustGates(t, "limit +5%")))
	require.Equal(t, append(before, "limit +5%: 24 MiB → 28 MiB may be chance; if the shares of those that survive are as they seem, 11 runs of each limit on both sides would tell"), few.Notes)
	few.Check(mustGates(t, "limit +50%, peak"))
	require.Equal(t, before, few.Notes, "28 MiB would pass it anyway")
	apart := Compare(mustRead(t, triedAt(5, 60, 48, 62)...), mustRead(t, triedAt(5, 60, 48, 64)...))
	apart.Check(mustGates(t, "limit"))
	require.Contains(t, apart.Notes[len(apart.Notes)-1], "no limit tells the two apart: sweep both at the same limits")
}

// What is the matter with the tables of the other direction does not count: they made the change below one of too few runs.
func TestASeriesIsJudgedInTheDirectionOfItsAnswersAlone(t *testing.T) {
	head := counted(map[int]share{61: {3, 0}, 62: {3, 0}, 63: {3, 0}, 70: {3, 3}})
	for _, base := range []map[int]share{
		{60: {3, 3}, 70: {3, 3}},
		{60: {3, 3}, 64: {3, 3}, 65: {3, 3}, 66: {3, 3}, 70: {3, 3}},
	} {
		c := Compare(mustRead(t, counted(base)...), mustRead(t, head...))
		require.Len(t, c.Check(mustGates(t, "limit")), 1)
		require.Nil(t, c.Series[0].Test.P, "3 and 3 runs at one pair of limits")
	}

	// The head survives low limits that the base does not, and a higher one less often: its answer is worse, and nothing tells so.
	base := counted(map[int]share{16: {15, 0}, 20: {15, 0}, 24: {5, 5}, 28: {5, 5}})
	c := Compare(mustRead(t, base...), mustRead(t, counted(map[int]share{16: {15, 14}, 20: {15, 14}, 24: {5, 4}, 28: {5, 5}})...))
	require.Empty(t, c.Check(mustGates(t, "limit")))
	s := c.Series[0]
	require.Equal(t, [2]outcome.Bytes{24 * outcome.MiB, 28 * outcome.MiB}, [2]outcome.Bytes{s.Base, s.Head})
	require.False(t, s.Changed)
	require.InDelta(t, 1, *s.Test.P, 1e-9)
	require.Equal(t, "limit: 24 MiB → 28 MiB may be chance; 100 runs of each limit on both sides would not tell", c.Notes[len(c.Notes)-1])

	many := Compare(mustRead(t, counted(map[int]share{24: {120, 120}, 28: {1, 1}})...), mustRead(t, counted(map[int]share{24: {120, 119}, 28: {1, 1}})...))
	require.Empty(t, many.Check(mustGates(t, "limit")))
	require.Equal(t, "limit: 24 MiB → 28 MiB may be chance", many.Notes[len(many.Notes)-1], "more than 100 were made")
}

func TestWhatNoneSurvivesOnEitherSideHasNoNote(t *testing.T) {
	none := triedAt(5, 90, 48, 56)
	for _, list := range []string{"limit", "limit +5%"} {
		c := Compare(mustRead(t, none...), mustRead(t, none...))
		before := slices.Clone(c.Notes)
		require.Empty(t, c.Check(mustGates(t, list)))
		require.Equal(t, before, c.Notes)
	}
}

// inSeries has the runs as those of a series of its own.
func inSeries(name string, runs []*outcome.Outcome) []*outcome.Outcome {
	for _, o := range runs {
		o.Name = "at=" + name + "/" + o.Name
	}
	return runs
}

func TestAmongManySeriesTheNoteAsksForMoreRunsThanThereAre(t *testing.T) {
	var base, head []*outcome.Outcome
	for i := range 12 {
		such := 14
		if i == 0 {
			such = 8
		}
		name := fmt.Sprintf("%02d", i)
		base = append(base, inSeries(name, counted(map[int]share{20: {15, 15}, 24: {15, 15}}))...)
		head = append(head, inSeries(name, counted(map[int]share{20: {15, such}, 24: {15, 15}}))...)
	}
	c := Compare(mustRead(t, base...), mustRead(t, head...))
	before := len(c.Notes)
	require.Empty(t, c.Check(mustGates(t, "limit")))
	require.InDelta(t, 0.0063, *c.Series[0].Test.P, 1e-4)
	require.InDelta(t, 0.076, *c.Series[0].Test.Q, 1e-3)
	require.Equal(t, "limit: at=00: 20 MiB → 24 MiB differs no more than some of 12 series do by chance; if the shares of those that survive are as they seem, 19 runs of each limit on both sides would tell", c.Notes[before])
	require.Equal(t, "limit: at=01: 20 MiB → 24 MiB may be chance; 100 runs of each limit on both sides would not tell", c.Notes[before+1])
}

func TestSearchesWithoutACommonLimitCompareTheirAnswersAlone(t *testing.T) {
	c := Compare(mustRead(t, triedAt(3, 60, 57, 60, 61)...), mustRead(t, triedAt(3, 63, 58, 62, 63, 64)...))
	require.Empty(t, c.Points)
	require.Len(t, c.Check(mustGates(t, "limit")), 1)
	require.Equal(t, "no limit is in both files: the smallest limits alone are compared", c.Notes[0])
	c = Compare(mustRead(t, triedAt(3, 60, 57)...), mustRead(t, triedAt(3, 60, 58)...))
	require.Equal(t, "no point is in both files, so nothing is compared", c.Notes[0])
}

// 600 series that may all differ by chance made 600 notes, and a comment that is too long to be taken.
func TestTheNotesOfManySeriesAreBoundedAndNotCutOff(t *testing.T) {
	var base, head []*outcome.Outcome
	for i := range 600 {
		name := fmt.Sprintf("%03d%s", i, strings.Repeat("x", 200))
		base = append(base, inSeries(name, counted(map[int]share{20: {5, 5}, 24: {5, 5}}))...)
		head = append(head, inSeries(name, counted(map[int]share{20: {5, 4}, 24: {5, 5}}))...)
	}
	c := Compare(mustRead(t, base...), mustRead(t, head...))
	before := len(c.Notes)
	require.Empty(t, c.Check(mustGates(t, "limit")))
	require.Len(t, c.Notes, before+unsureNotes+1)
	require.Equal(t, "limit: and 595 more that may be chance", c.Notes[len(c.Notes)-1])
	for _, note := range c.Notes[before : before+unsureNotes] {
		require.Less(t, len(note), markdownNote)
	}
	var comment bytes.Buffer
	require.NoError(t, c.writeMarkdown(&comment))
	require.Less(t, comment.Len(), maxComment)
	require.Contains(t, comment.String(), "…: 20 MiB → 24 MiB may be chance; if the shares of those that survive are as they seem, 73 runs of each limit on both sides would tell\n")
}

// docs/compare.md says so: below the same answer more may survive, or less, and that is what the gate of verdicts is for.
func TestWhatChangesBelowTheSameAnswerIsAMatterOfTheVerdict(t *testing.T) {
	base := counted(map[int]share{23: {15, 14}, 24: {15, 14}, 25: {15, 15}})
	c := Compare(mustRead(t, base...), mustRead(t, counted(map[int]share{23: {15, 0}, 24: {15, 1}, 25: {15, 15}})...))
	require.Empty(t, c.Check(mustGates(t, "limit")))
	require.Len(t, c.Check(mustGates(t, "verdict")), 2)
}
