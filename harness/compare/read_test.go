package compare

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

func TestRepeatsBelongTogetherWhereverTheyAreInTheName(t *testing.T) {
	one := func(name string) *outcome.Outcome { return made(name, outcome.Survived, outcome.MiB, outcome.MiB, 1) }
	r := mustRead(t, one("max=1MiB/step=2MiB/repeat=1"), one("max=1MiB/step=2MiB/repeat=2"), one("max=1MiB/step=3MiB"), one("max=1MiB/step=3MiB"), one("repeat=1"), one(""))
	require.Equal(t, []string{"max=1MiB/step=2MiB", "max=1MiB/step=3MiB", ""}, r.order)
	require.Len(t, r.points["max=1MiB/step=2MiB"].runs, 2)
	require.Len(t, r.points["max=1MiB/step=3MiB"].runs, 2, "what was run by hand has no repeat in its name")
	require.Len(t, r.points[""].runs, 2)
	require.Equal(t, "step=2MiB", r.points["max=1MiB/step=2MiB"].series)
	require.Equal(t, 6, r.Runs)
}

func TestResultsThatCannotBeComparedAreRefused(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) string {
		path := filepath.Join(dir, fmt.Sprint(time.Now().UnixNano()))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	line := string(lines(t, made("max=1MiB/repeat=1", outcome.Survived, outcome.MiB, outcome.MiB, 1)))
	for text, want := range map[string]string{
		"":               "no outcome is in there",
		line + line:      "has the run max=1MiB/repeat=1 twice",
		line + "damage":  ":2: no outcome",
		line + line[:40]: ":2: the line was torn",
		"{}":             `no "verdict"`,
	} {
		_, err := Read(write(text))
		require.ErrorContains(t, err, want)
	}
	_, err := Read(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Read(write(line + line[:40]))
	require.ErrorIs(t, err, sweep.ErrTorn)
}

func TestWhatOneFileAloneHasIsListed(t *testing.T) {
	one := func(names ...string) (all []*outcome.Outcome) {
		for _, n := range names {
			all = append(all, made(n, outcome.Survived, outcome.MiB, outcome.MiB, 1))
		}
		return all
	}
	c := Compare(mustRead(t, one("max=8MiB", "max=10MiB", "max=9MiB")...), mustRead(t, one("max=9MiB", "max=11MiB", "max=2MiB")...))
	require.Len(t, c.Points, 1)
	require.Equal(t, []string{"max=8MiB", "max=10MiB"}, c.OnlyBase, "in the order of their values")
	require.Equal(t, []string{"max=2MiB", "max=11MiB"}, c.OnlyHead)
}

func TestTheReaderIsToldWhatTheFiguresAreWorth(t *testing.T) {
	at := func(repeats int, kernel string) *Results {
		all := triedAt(repeats, 60, 56, 64)
		for _, o := range all {
			o.Origin = outcome.Origin{Kernel: kernel, Points: 2 * repeats}
		}
		return mustRead(t, all...)
	}
	require.Empty(t, Compare(at(5, "6.1"), at(5, "6.1")).Notes)
	require.Equal(t, []string{"there are no repeats, so there is no significance: what differs may be noise; take 5 runs of each point on both sides (--repeat 5)"}, Compare(at(1, "6.1"), at(1, "6.1")).Notes)
	require.Contains(t, Compare(at(5, "6.1"), at(3, "6.1")).Notes[0], "points with fewer than 5 runs on either side have no significance")
	require.Contains(t, Compare(at(5, "6.1"), at(5, "6.12")).Notes[0], "the machines differ (Linux 6.1, , 0 CPUs; Linux 6.12, , 0 CPUs)")
	// Two searches whose answers differ: they share the limit that both begin with, which each tries once.
	search := func(answer int) *Results {
		top := triedAt(1, 60, 99)
		return mustRead(t, append(top, triedAt(3, 60, answer, answer+1)...)...)
	}
	require.Equal(t, []string{"no point has repeats in both files: the figures of points have no significance, and the smallest limits are judged by all runs"},
		Compare(search(56), search(64)).Notes)
	half := at(5, "6.1")
	half.Origin.Points = 99
	require.Equal(t, []string{"results.jsonl has 10 of the 99 runs of its sweep"}, Compare(half, at(5, "6.1")).Notes)
}

// A figure that no kernel told is not compared.
func TestWhatIsNotKnownIsNoZero(t *testing.T) {
	base, head := triedAt(5, 60, 64), triedAt(5, 60, 64)
	for _, o := range base {
		o.Peak = 0
	}
	p := Compare(mustRead(t, base...), mustRead(t, head...)).Points[0]
	require.Zero(t, p.Peak)
	require.Zero(t, p.Latency)
	require.Zero(t, p.Filled)
	require.Equal(t, [2]int{5, 5}, p.Steps.Test.N)
}

func TestResultsOfSeveralBuildsAreNoted(t *testing.T) {
	one, other := triedAt(5, 60, 56, 64), triedAt(5, 60, 56, 64)
	for i, o := range other {
		o.Spec.Target.Path, o.Executable.SHA256 = "./service", "one"
		if i > 5 {
			o.Executable.SHA256 = "another"
		}
	}
	c := Compare(mustRead(t, one...), mustRead(t, other...))
	require.Equal(t, []string{"results.jsonl has runs of 2 builds of ./service: what differs may be due to that"}, c.Notes)
}
