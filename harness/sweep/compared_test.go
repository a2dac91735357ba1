package sweep_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/compare"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// searches are the results of so many searches of one build, whose runs survive from never to always over so much memory around
// the middle.
func searches(t *testing.T, n int, middle, width outcome.Bytes, seed uint64) (all []*compare.Results) {
	t.Helper()
	random := rand.New(rand.NewPCG(20261129, seed))
	odds := func(limit outcome.Bytes) float64 {
		return min(1, max(0, 0.5+float64(limit-middle)/float64(width)))
	}
	path := filepath.Join(t.TempDir(), "results.jsonl")
	for range n {
		var lines []byte
		for _, o := range sweep.SearchedByOdds(t, sweep.Search{Lo: outcome.MiB, Hi: 512 * outcome.MiB}, middle, odds, random) {
			line, err := json.Marshal(o)
			require.NoError(t, err)
			lines = append(append(lines, line...), '\n')
		}
		require.NoError(t, os.WriteFile(path, lines, 0o600))
		r, err := compare.Read(path)
		require.NoError(t, err)
		all = append(all, r)
	}
	return all
}

// compared are the comparisons of each base with the head at its place.
func compared(base, head []*compare.Results) (all []*compare.Comparison) {
	for i := range base {
		all = append(all, compare.Compare(base[i], head[i]))
	}
	return all
}

// found is how many of these comparisons fail at a gate.
func found(t *testing.T, all []*compare.Comparison, gate string) (n int) {
	t.Helper()
	gates, err := compare.ParseGates(gate + ", missing 100%")
	require.NoError(t, err)
	for _, c := range all {
		if len(c.Check(gates)) > 0 {
			n++
		}
	}
	return n
}

// docs/compare.md states such figures. Two searches of one build try limits of their own, and repeat where they have to: none of that
// may be taken for a change.
func TestSearchesOfEqualBuildsAreQuietAndAPlantedChangeIsFound(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // garbage collection was half of the time in an emulated guest
	const pairs, middle, width = 1000, 60 * outcome.MiB, 4 * outcome.MiB
	equal := searches(t, pairs+1, middle, width, 1)
	quiet := compared(equal[:pairs], equal[1:])
	alarms := found(t, quiet, "limit")
	t.Logf("%d of %d pairs of equal builds have an alarm", alarms, pairs)
	require.LessOrEqual(t, alarms, pairs/100)
	alarms = found(t, quiet, "verdict")
	t.Logf("and %d one for the verdict at a limit", alarms)
	require.LessOrEqual(t, alarms, pairs/50)

	const planted = 50
	more := found(t, compared(equal[:planted], searches(t, planted, middle+6*outcome.MiB, width, 2)), "limit +2%")
	require.GreaterOrEqual(t, more, planted-1)
}
