package compare

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// fives are real results, taken apart into sides with 5 repeats of each point, in the order in which they were run.
func fives(t *testing.T, path string) (sides []*Results) {
	t.Helper()
	require.NoError(t, sweep.ReadEach(path, true, func(o *outcome.Outcome) error {
		var n int
		_, repeat, _ := strings.Cut(o.Name, "repeat=")
		if _, err := fmt.Sscan(repeat, &n); err != nil {
			return err
		}
		for (n-1)/5 >= len(sides) {
			sides = append(sides, &Results{points: map[string]*point{}})
		}
		sides[(n-1)/5].add(o)
		return nil
	}))
	return sides
}

// all are gates on everything that may get worse.
const all = "verdict, limit, peak, steps, latency, filled"

func TestTwentyComparisonsOfRealRunsOfOneBuildAreQuiet(t *testing.T) {
	base, head := fives(t, "testdata/equal-1.jsonl"), fives(t, "testdata/equal-2.jsonl")
	require.Len(t, base, 20)
	require.Len(t, head, 20)
	for i := range base {
		c := Compare(base[i], head[i])
		require.Len(t, c.Points, 3)
		require.Empty(t, c.Check(mustGates(t, all)))
		require.True(t, strings.HasPrefix(c.summary(), "none of 3 points changed; the one smallest limit did not move"), c.summary())
	}
	for i := range 19 { // and each with the one that was made next
		require.Empty(t, Compare(base[i], base[i+1]).Check(mustGates(t, all)))
	}
}

func TestThreeMiBMoreAreFoundInEachComparisonOfRealRuns(t *testing.T) {
	more := fives(t, "testdata/more.jsonl")
	require.Len(t, more, 1)
	for _, path := range []string{"testdata/equal-1.jsonl", "testdata/equal-2.jsonl"} {
		for _, base := range fives(t, path) {
			c := Compare(base, more[0])
			failures := c.Check(mustGates(t, all))
			require.Len(t, failures, 2, c.summary())
			for i, at := range []string{"max=64MiB", "max=96MiB"} { // at 56 MiB both are killed
				require.Equal(t, "peak", failures[i].Gate)
				require.Equal(t, at, failures[i].Point)
				require.Positive(t, c.Points[i+1].Grown[outcome.KindAnon])
			}
		}
	}
}

// The transcript in docs/compare.md is what the command prints of the first five runs and of the build that takes more.
func TestTheTranscriptIsWhatIsPrinted(t *testing.T) {
	base, head := fives(t, "testdata/equal-1.jsonl")[0], fives(t, "testdata/more.jsonl")[0]
	base.File, head.File = "base.jsonl", "head.jsonl"
	base.Origin.Points = 15
	c := Compare(base, head)
	c.Check(mustGates(t, "peak +2MiB, limit, verdict"))
	text := written(t, c, Text)
	docs, err := os.ReadFile("testdata/compare.md")
	require.NoError(t, err)
	var indented strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" {
			line = "    " + line
		}
		indented.WriteString(line)
	}
	require.Contains(t, string(docs), indented.String())
}
