package sweep

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// bySearch are runs at these limits, in MiB: how many steps each has acknowledged, of 6. Fewer is a kill.
func bySearch(points int, limits map[int][]int) (all []*outcome.Outcome) {
	for _, l := range slices.Sorted(maps.Keys(limits)) {
		for i, n := range limits[l] {
			o := &outcome.Outcome{Name: fmt.Sprintf("max=%dMiB/repeat=%d", l, i+1), Verdict: outcome.Survived, Acknowledged: n, Attempted: 6}
			if n < 6 {
				o.Verdict, o.Attempted = outcome.OOMKilled, n+1
			}
			o.Spec.Load.Count, o.Evidence.Limits.Max = 6, outcome.Bytes(l)*outcome.MiB
			o.Origin = outcome.Origin{Start: time.Date(2026, 11, 29, 13, 49, 16, 0, time.UTC), Points: points}
			all = append(all, o)
		}
	}
	return all
}

// A real search, without most of its repeats: it ended with 25 MiB, and told of a border from 20 MiB on.
func ofABorder() map[int][]int {
	return map[int][]int{
		19: {3}, 20: {5, 5, 4, 5, 5}, 21: {6, 5, 4}, 22: {6, 6, 5}, 23: {6, 5, 6}, 24: {6, 6, 6, 5, 6}, 25: {6, 6, 6}, 26: {6, 6, 6}, 554: {6},
	}
}

func TestTheBorderThatASearchHasToldOfIsNoFinding(t *testing.T) {
	require.Empty(t, Check(bySearch(0, ofABorder())))
	checks := map[string]int{}
	for _, f := range Check(bySearch(32, ofABorder())) {
		checks[f.Check]++
	}
	require.Equal(t, map[string]int{"flaky": 5, "monotone": 4}, checks, "a sweep has told nobody")
}

func TestAContradictionInASearchIsAFinding(t *testing.T) {
	for what, change := range map[string]func(map[int][]int){
		"all survive below a limit that none does": func(l map[int][]int) { l[22], l[23] = []int{6, 6, 6}, []int{5, 5, 5} },
		"no border, and more memory kills":         func(l map[int][]int) { clear(l); l[20], l[21], l[22] = []int{6, 6, 6}, []int{5, 5, 5}, []int{6, 6, 6} },
		"no border, and repeats differ in steps":   func(l map[int][]int) { clear(l); l[20], l[21] = []int{3, 5, 3}, []int{6, 6, 6} },
		"below the border a run took more steps":   func(l map[int][]int) { l[18] = []int{5, 5, 5} },
	} {
		limits := ofABorder()
		change(limits)
		require.NotEmpty(t, Check(bySearch(0, limits)), what)
	}
	all := bySearch(0, ofABorder())
	for _, o := range all {
		if o.Name == "max=22MiB/repeat=3" {
			o.Verdict, o.Evidence.Status.Ended, o.Evidence.Status.Code = outcome.Exited, true, 1
		}
	}
	found := Check(all)
	require.NotEmpty(t, found)
	require.Equal(t, "flaky: max=22MiB: survived 2, exited (code 1) 1, of 3", found[0].String(), "another end is no matter of the limit")
}

// The upper end of the border was a limit that not all runs survived, where the one that did not was not the last there.
func TestTheEndsOfABorderDoNotDependOnTheOrderOfItsRuns(t *testing.T) {
	limits, turned := ofABorder(), ofABorder()
	for _, runs := range turned {
		slices.Reverse(runs)
	}
	limits[24], turned[24] = []int{5, 6}, []int{6, 5}
	for _, of := range []map[int][]int{limits, turned} {
		all := bySearch(0, of)
		s := borders(all)[all[0]]
		require.NotNil(t, s)
		require.Equal(t, [2]outcome.Bytes{20 * outcome.MiB, 25 * outcome.MiB}, [2]outcome.Bytes{s.lo, s.hi})
		require.Empty(t, Check(all))
	}
	limits[554], turned[554] = []int{6, 5}, []int{5, 6}
	for _, of := range []map[int][]int{limits, turned} {
		all := bySearch(0, of)
		require.Equal(t, outcome.Bytes(math.MaxInt64), borders(all)[all[0]].hi, "not even the highest")
	}
}
