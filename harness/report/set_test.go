package report

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

func TestShardsTogetherAreTheWholeSweep(t *testing.T) {
	whole := mustRead(t, realSweep)
	var shards [4][]*outcome.Outcome
	for i, o := range whole.Outcomes {
		shards[i%4] = append(shards[i%4], o)
	}
	var paths []string
	for _, shard := range shards {
		slices.Reverse(shard)
		paths = append(paths, mustWrite(t, "results.jsonl", shard...))
	}
	merged := mustRead(t, paths...)
	require.Equal(t, whole, merged)
	require.NoError(t, merged.Complete())

	err := mustRead(t, paths[0], paths[2], paths[3]).Complete()
	require.ErrorContains(t, err, "32 points were to be run, and 8 are missing")
	require.ErrorContains(t, err, "resume one that was killed")
}

func TestMissingPointsAreNamedWhereTheValuesSayWhich(t *testing.T) {
	whole := mustRead(t, realSweep).Outcomes
	without := func(names ...string) *Set {
		return NewSet(slices.DeleteFunc(slices.Clone(whole), func(o *outcome.Outcome) bool { return slices.Contains(names, o.Name) }))
	}
	require.NoError(t, without().Complete())
	require.EqualError(t, without("max=64MiB/step=10MiB").Complete(),
		"32 points were to be run, and 1 is missing: max=64MiB/step=10MiB; give the files of all shards of one sweep, and resume one that was killed")
	require.ErrorContains(t, without("max=64MiB/step=10MiB", "max=256MiB/step=40MiB").Complete(),
		"2 are missing: max=64MiB/step=10MiB, max=256MiB/step=40MiB;")

	t.Run("many are not all named", func(t *testing.T) {
		var gone []string
		for _, o := range whole[:12] {
			gone = append(gone, o.Name)
		}
		gone = slices.DeleteFunc(gone, func(name string) bool { return name == "max=32MiB/step=5MiB" || name == "max=64MiB/step=5MiB" })
		require.ErrorContains(t, without(append(gone, "max=256MiB/step=5MiB")...).Complete(), "max=256MiB/step=5MiB, and 4 more;")
	})
	t.Run("those of a value that nobody has are only counted", func(t *testing.T) {
		require.ErrorContains(t, without("max=64MiB/step=5MiB", "max=64MiB/step=10MiB", "max=64MiB/step=20MiB", "max=64MiB/step=40MiB").Complete(),
			"32 points were to be run, and 4 are missing; which ones, those that are there do not tell;")
	})
	t.Run("where the origin says nothing, nothing is missing", func(t *testing.T) {
		one := another(whole[0], "max=1MiB")
		one.Origin = outcome.Origin{}
		require.NoError(t, NewSet([]*outcome.Outcome{one}).Complete())
	})
	t.Run("a sweep without axes is one point, named by its target", func(t *testing.T) {
		for _, name := range []string{"app", "registry/app"} {
			one := another(whole[0], name)
			one.Origin.Points = 1
			require.NoError(t, NewSet([]*outcome.Outcome{one}).Complete())
		}
	})
	t.Run("a sweep that was gone on with on a larger grid is that one", func(t *testing.T) {
		one, two := another(whole[0], "max=1MiB"), another(whole[0], "max=2MiB")
		one.Origin.Points, two.Origin.Points = 1, 3
		require.ErrorContains(t, NewSet([]*outcome.Outcome{one, two}).Complete(), "3 points were to be run, and 1 is missing; which ones")
	})
}

func TestPointsOfTwoSweepsAreNotAWholeOneThoughTheCountIsRight(t *testing.T) {
	one := mustRead(t, realSweep).Outcomes[0]
	of := func(names ...string) []*outcome.Outcome {
		var all []*outcome.Outcome
		for _, name := range names {
			o := another(one, name)
			o.Origin.Points = 4
			all = append(all, o)
		}
		return all
	}
	a := of("max=1MiB/step=1MiB", "max=1MiB/step=2MiB")
	b := of("max=3MiB/step=3MiB", "max=3MiB/step=4MiB")
	require.ErrorContains(t, mustRead(t, mustWrite(t, "a", a...), mustWrite(t, "b", b...)).Complete(),
		"4 points were to be run, and the values that are there make a grid of 8, of which 4 are missing: max=1MiB/step=3MiB, max=1MiB/step=4MiB,")
	require.NoError(t, NewSet(append(a, of("max=3MiB/step=1MiB", "max=3MiB/step=2MiB")...)).Complete())
}

func TestFilesOfDifferentSweepsAreRefused(t *testing.T) {
	of := func(points int, names ...string) string {
		var all []*outcome.Outcome
		for _, name := range names {
			o := another(mustRead(t, realSweep).Outcomes[0], name)
			o.Origin.Points = points
			all = append(all, o)
		}
		return mustWrite(t, "results.jsonl", all...)
	}
	a := of(4, "max=1MiB", "max=2MiB")
	b := of(5, "max=3MiB")
	_, err := Read(HTML, a, b)
	require.EqualError(t, err, a+" is of a sweep of 4 points, and "+b+" of one of 5: give the files of one sweep, and make a report of each")
	b = of(4, "max=3MiB/step=1MiB", "max=4MiB/step=1MiB")
	_, err = Read(HTML, a, b)
	require.EqualError(t, err, "the points of "+a+" are named by max, and those of "+b+" by max, step: give the files of one sweep, and make a report of each")

	mustRead(t, of(0, "max=1MiB"), of(4, "max=2MiB"), of(0, "max=3MiB")) // nobody says how many these are of
	mustRead(t, of(0, "max=1MiB"), mustWrite(t, "empty.jsonl"), of(4, "max=2MiB"))
	_, err = Read(HTML, of(0, "max=1MiB"), of(4, "max=2MiB"), of(3, "max=3MiB"))
	require.ErrorContains(t, err, "a sweep of 4 points")
}

func TestADoubledPointIsNamedWithBothFiles(t *testing.T) {
	whole := mustRead(t, realSweep).Outcomes
	a, b := mustWrite(t, "a.jsonl", whole[:3]...), mustWrite(t, "b.jsonl", whole[2:]...)
	_, err := Read(HTML, a, b)
	require.EqualError(t, err, "the point max=32MiB/step=20MiB is in "+a+" and in "+b+": give each shard's file once, and only those of one sweep")
	_, err = Read(HTML, a, a)
	require.EqualError(t, err, a+" is given twice: give each shard's file once", "no line of it is to be taken out")
	twice := mustWrite(t, "twice.jsonl", whole[0], whole[1], whole[0])
	_, err = Read(HTML, twice)
	require.ErrorContains(t, err, "twice")
}

func TestAFileWithoutAnOutcomeIsAnError(t *testing.T) {
	_, err := Read(HTML, mustWrite(t, "empty.jsonl"))
	require.ErrorContains(t, err, "empty.jsonl: no outcome is in there")
	_, err = Read(HTML, "testdata/no-such-file")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = Read(HTML, "testdata/README.md")
	require.ErrorContains(t, err, "README.md:1: no outcome")
}

func TestFlakyPointsComeFirstAndThenThoseWithFindings(t *testing.T) {
	s := mustRead(t, made)
	rank := func(o *outcome.Outcome) int {
		best := 0
		for _, i := range s.found()[o.Name] {
			best = max(best, 1)
			if s.Findings[i].Check == "flaky" {
				best = 2
			}
		}
		return best
	}
	ranked := s.ranked()
	require.Equal(t, 2, rank(ranked[0]))
	require.True(t, slices.IsSortedFunc(ranked, func(a, b *outcome.Outcome) int { return rank(b) - rank(a) }))
	require.Len(t, ranked, len(s.Outcomes))
}

func TestNoCheckIsPushedOutOfTheListsByAnother(t *testing.T) {
	var outcomes []*outcome.Outcome
	for i, o := range many(t, 200) {
		o.Verdict, o.Acknowledged, o.Predicted = outcome.OOMKilled, 30, &outcome.Prediction{Lo: 1, Hi: 2}
		if i == 0 {
			other := another(o, o.Name+"/repeat=2")
			other.Verdict = outcome.Survived
			outcomes = append(outcomes, other)
		}
		outcomes = append(outcomes, o)
	}
	s := NewSet(outcomes)
	listed := s.listed()
	for _, check := range []string{"prediction", "flaky"} {
		is := func(f sweep.Finding) bool { return f.Check == check }
		require.True(t, slices.ContainsFunc(s.Findings, is), check)
		require.True(t, slices.ContainsFunc(listed, is), check)
	}
	require.Greater(t, len(s.Findings), len(listed))
	more := fmt.Sprintf("and %d more", len(s.Findings)-len(listed))
	var summary bytes.Buffer
	require.NoError(t, Write(&summary, s, Markdown))
	for _, text := range []string{summary.String(), mustHTML(t, s)} {
		require.Contains(t, text, more)
		require.Contains(t, text, "survived 1, oom-killed 1, of 2")
	}
}

func TestPlacesAreToldApart(t *testing.T) {
	outcomes := mustRead(t, realSweep).Outcomes[:3]
	later := another(outcomes[1], outcomes[1].Name)
	later.Origin.Start = later.Origin.Start.AddDate(0, 0, 1)
	elsewhere := another(outcomes[2], outcomes[2].Name)
	elsewhere.Origin.Kernel, elsewhere.Origin.MicroVM = "6.1.0", false
	other := another(later, "max=1GiB")
	other.Origin.Command += " -o x" // what the program is given is no flag of the sweep
	places := NewSet([]*outcome.Outcome{outcomes[0], later, elsewhere, other}).places()
	require.Len(t, places, 3)
	require.Equal(t, 2, places[0].Points)
	require.Equal(t, outcomes[0].Origin.Start.Format("2006-01-02 15:04 MST"), places[0].Date, "the first one's start")
	require.Equal(t, place{places[0].Command, "6.1.0", "amd64, 2 CPUs, 967 MiB", places[1].Date, 1}, places[1])
}

// Shards of two commits have the same points, and a report of them would look like one of either.
func TestPointsOfSeveralBuildsAreSaidToBeMixed(t *testing.T) {
	whole := mustRead(t, realSweep).Outcomes
	require.Empty(t, NewSet(whole).Mixed(), "nobody says which build these are of")
	for i, o := range whole {
		o.Executable = outcome.Executable{Path: "/src/app", SHA256: strings.Repeat("ab", 32)}
		if i == 0 {
			o.Executable.SHA256 = "" // it could not be read
		}
	}
	require.Empty(t, NewSet(whole).Mixed())
	whole[3].Executable.SHA256 = strings.Repeat("cd", 32)
	whole[4].Spec.Target.Path, whole[4].Executable.SHA256 = "./other", strings.Repeat("ef", 32)
	s := NewSet(whole)
	const want = "the points are of 2 builds of ./app (29 points by abababababa…, 1 point by cdcdcdcdcdc…): what differs may be due to that"
	require.Equal(t, want, s.Mixed())
	require.Empty(t, s.Findings, "machines may build the same source each for itself")
	for _, f := range []Format{Table, Markdown, HTML} {
		var out bytes.Buffer
		require.NoError(t, Write(&out, s, f))
		require.Contains(t, out.String(), "the points are of 2 builds of ./app", f)
	}
	for i := range 5 {
		whole[10+i].Executable.SHA256 = strings.Repeat(fmt.Sprint(i), 64)
	}
	require.Contains(t, NewSet(whole).Mixed(), "and 4 more): ")
}
