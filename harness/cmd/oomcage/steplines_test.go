//go:build linux

package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness"
)

// linesOf are the lines of a load.
func linesOf(start stepReading, steps int, at func(n int) stepReading) []string {
	var out strings.Builder
	s := &stepPrinter{out: newLineQueue(&out, nil), shown: start}
	for n := 1; n <= steps; n++ {
		s.took(n, nil, at(n))
	}
	s.end()
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// 1831 lines of a bar that did not move were what a minute of a load made.
func TestStepsThatChangeNothingHaveNoLine(t *testing.T) {
	start := stepReading{used: 10 * harness.MiB, limit: 40 * harness.MiB}
	lines := linesOf(start, 2000, func(n int) stepReading {
		r := start
		r.used += harness.Bytes(n%2) * harness.MiB / 2
		return r
	})
	require.Len(t, lines, 2, "%v", lines)
	require.Regexp(t, "^2000 ", lines[0], "the last one")
	require.Equal(t, "…      1999 steps between these, without a line", lines[1])
}

// Steps 6, 11, 14 and 4 followed each other.
func TestWithManyClientsLinesCountWhatWasAcknowledged(t *testing.T) {
	var out strings.Builder
	one, spec := newStepPrinter(nil, harness.Spec{}), harness.Spec{Load: harness.Load{Clients: 16}}
	require.Equal(t, "step", one.column())
	one.end()
	s := newStepPrinter(&out, spec)
	require.Equal(t, "acked", s.column())
	limit := 64 * harness.MiB
	s.took(6, nil, stepReading{used: 10 * harness.MiB, limit: limit})
	s.took(11, nil, stepReading{used: 20 * harness.MiB, limit: limit})
	s.took(14, errors.New("EOF"), stepReading{used: 64 * harness.MiB, limit: limit, note: " (no answer; the peak)"})
	s.took(4, nil, stepReading{used: 40 * harness.MiB, limit: limit})
	s.end()
	require.Regexp(t, `^ +of 64.0 MiB from here on\n1 .*\n2 .*\n2 .* \(no answer; the peak\)\n3 .*\n$`, out.String())
}

func TestALoadOfManyStepsHasNoMoreLinesThanAScreen(t *testing.T) {
	for steps, most := range map[int]int{16: 16, 1831: 40, 1_000_000: 56} {
		lines := linesOf(stepReading{limit: 40 * harness.MiB}, steps, func(n int) stepReading { // up and down, at each step
			return stepReading{used: harness.Bytes(n%2) * 20 * harness.MiB, limit: 40 * harness.MiB}
		})
		require.LessOrEqual(t, len(lines), most, "%d steps", steps)
		require.GreaterOrEqual(t, len(lines), 16)
		require.Regexp(t, "^1 ", lines[0])
	}
}

func TestWhatAStepChangesHasALine(t *testing.T) {
	readings := map[int]stepReading{
		3:  {used: 10 * harness.MiB, limit: 48 * harness.MiB},                                                                                // the limit
		5:  {used: 10 * harness.MiB, limit: 48 * harness.MiB, events: harness.Events{Max: 7}},                                                // it is met
		8:  {used: 12 * harness.MiB, limit: 48 * harness.MiB, events: harness.Events{Max: 900}},                                              // memory
		11: {used: 12 * harness.MiB, limit: 48 * harness.MiB, events: harness.Events{Max: 999, OOM: 1, OOMKill: 1}},                          // a kill
		14: {used: 12 * harness.MiB, limit: 48 * harness.MiB, events: harness.Events{Max: 999, OOM: 1, OOMKill: 1}, note: " (refused: 503)"}, // a refusal
		17: {used: 12 * harness.MiB, limit: harness.Unlimited, events: harness.Events{Max: 999, OOM: 1, OOMKill: 1}},
	}
	now := stepReading{used: 10 * harness.MiB, limit: 64 * harness.MiB}
	lines := linesOf(now, 20, func(n int) stepReading {
		if r, ok := readings[n]; ok {
			now = r
		}
		return now
	})
	var first []string
	for _, line := range lines {
		name, rest, _ := strings.Cut(line, " ")
		if name == "" {
			name = strings.TrimSpace(rest)
		}
		first = append(first, name)
	}
	require.Equal(t, []string{"of 48.0 MiB from here on", "3", "5", "8", "11", "14", "no memory.max from here on", "17", "20", "…"}, first)
	require.Contains(t, lines[5], "(refused: 503)")
}
