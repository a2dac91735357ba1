//go:build linux

package main

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness"
	"oomcage/harness/outcome"
)

// limitOf is a memory.max that does not move.
func limitOf(limit harness.Bytes) *readings {
	if limit == harness.Unlimited {
		return &readings{values: []float64{math.NaN()}, each: 1, last: 1}
	}
	return &readings{values: []float64{float64(limit) / float64(harness.MiB)}, each: 1, last: 1}
}

// A line that stood at the first limit showed room where there was none any more.
func TestTheGraphHasALimitThatMoves(t *testing.T) {
	current := readings{values: slices.Repeat([]float64{10}, 60), each: 1, last: 1}
	limits := &readings{values: slices.Concat(slices.Repeat([]float64{100}, 30), slices.Repeat([]float64{40}, 30)), each: 1, last: 1}
	text := current.plot(limits, 1, 80, 24, false)
	require.Regexp(t, `(?m)100 [┤┼]─+╮ *$`, text)
	require.Regexp(t, `(?m)40 ┤ +╰─+$`, text)
	limits.values[0] = math.NaN()
	require.Contains(t, current.plot(limits, 1, 80, 24, false), "memory.max")
}

func TestALongRunKeepsItsPeakInAsManyValuesAsThereAreColumns(t *testing.T) {
	var r readings
	for i := range 100_000 {
		v := float64(i % 7)
		if i == 12_345 {
			v = 1000
		}
		r.add(v)
		r.fit(20)
		require.LessOrEqual(t, len(r.values), 20)
		require.Equal(t, i+1, (len(r.values)-1)*r.each+r.last, "each value is of as many readings")
	}
	require.Greater(t, len(r.values), 10)
	require.InDelta(t, 1000, r.values[12_345/r.each], 0)
	require.Contains(t, r.plot(limitOf(harness.Unlimited), 0, 80, 24, true), "1000 ┤", "and it is drawn")
}

func TestAGraphIsLowerThanItsTerminal(t *testing.T) {
	for rows := 1; rows <= 60; rows++ {
		r := readings{values: slices.Repeat([]float64{1, 60}, 100), each: 1, last: 1}
		text := r.plot(limitOf(64*harness.MiB), 1234, 80, rows, true)
		require.Less(t, strings.Count(text, "\n"), rows, "the cursor's row is one more")
		if rows >= 9 {
			require.Contains(t, text, "MiB, 1234 steps")
		}
	}
}

func TestAGraphIsNoWiderThanItsTerminal(t *testing.T) {
	for _, limit := range []harness.Bytes{harness.Unlimited, 64 * harness.MiB, 512 * harness.GiB} {
		for columns := 1; columns <= 200; columns++ {
			r := readings{values: slices.Repeat([]float64{1, 60}, 100), each: 1, last: 1}
			text := r.plot(limitOf(limit), 1234, columns, 24, true)
			require.LessOrEqual(t, widest(text), columns, text)
			if columns >= 30 {
				require.Contains(t, text, "MiB, 1234 steps")
			}
			if columns >= 42 {
				require.Contains(t, text, "■")
			}
		}
	}
}

func TestAGraphWithoutColoursHasNoEscapeSequenceAndNamesItsLines(t *testing.T) {
	r := readings{values: slices.Repeat([]float64{1, 60}, 100), each: 1, last: 1}
	text := r.plot(limitOf(64*harness.MiB), 3, 80, 24, false)
	require.NotContains(t, text, "\x1b")
	require.Contains(t, text, "memory.current below memory.max, MiB, 3 steps acknowledged")
	require.Contains(t, r.plot(limitOf(64*harness.MiB), noSteps, 80, 24, false), "memory.max, MiB\n", "there are no steps to count")
	require.Contains(t, r.plot(limitOf(64*harness.MiB), 3, 80, 24, true), "\x1b[91m")
}

func TestTheKindsOfMemoryAreBelowTheGraphWhereMoreThanOneMatters(t *testing.T) {
	c := composed{used: 32 * harness.MiB, full: 64 * harness.MiB, stat: outcome.MemoryStat{Anon: 8 * harness.MiB, Sock: 19 * harness.MiB, Kernel: 5 * harness.MiB}}
	require.Equal(t, "  aaaaannnnnnnnnnnnkkk····················\n  a anon 8.0 MiB, n sock 19.0 MiB, k kernel 5.0 MiB\n", c.lines(80))
	for columns := range 80 {
		require.LessOrEqual(t, widest(c.lines(columns)), columns)
	}
	c.stat = outcome.MemoryStat{Anon: 30 * harness.MiB, Kernel: harness.MiB}
	require.Empty(t, c.lines(80), "the graph has it all")
	require.Empty(t, composed{}.lines(80))
	require.True(t, c.whole())
	c.stat.Anon = 2 * harness.MiB
	require.False(t, c.whole(), "it was being killed")
}
