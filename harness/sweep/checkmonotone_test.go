package sweep

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// counted is a sweep of one series with these counts, 16 MiB apart.
func counted(counts ...int) []*outcome.Outcome {
	var all []*outcome.Outcome
	for i, n := range counts {
		o := killedAt(outcome.Bytes(32+16*i)*outcome.MiB, 16*outcome.MiB)
		o.Acknowledged, o.Attempted, o.Predicted = n, n+1, nil
		all = append(all, o)
	}
	return all
}

// named are the points of the findings of one check.
func named(found []Finding, check string) [][]string {
	var points [][]string
	for _, f := range found {
		if f.Check == check {
			points = append(points, f.Points)
		}
	}
	return points
}

func TestOneOddPointIsNamedOnceAndTheSoundOnesAreNot(t *testing.T) {
	odd := [][]string{{"max=64MiB/step=16MiB"}}
	require.Equal(t, odd, named(Check(counted(1, 2, 30, 4, 5, 6, 7, 8)), "monotone"), "too many steps")
	require.Equal(t, [][]string{{"max=128MiB/step=16MiB"}}, named(Check(counted(1, 2, 3, 4, 5, 6, 0, 8)), "monotone"), "too few")
	two := counted(1, 20, 3, 4, 5, 6, 1, 8)
	require.Equal(t, [][]string{{"max=48MiB/step=16MiB"}, {"max=128MiB/step=16MiB"}}, named(Check(two), "monotone"))
	require.Empty(t, named(Check(counted(1, 2, 2, 4, 5)), "monotone"))
}

func TestOfTwoPointsThatContradictEachOtherAloneBothAreNamed(t *testing.T) {
	require.Equal(t, [][]string{{"max=64MiB/step=16MiB", "max=48MiB/step=16MiB"}}, named(Check(counted(1, 3, 2, 4)), "monotone"))
}

func TestTheSurvivorAmongTheDeadIsTheOddOne(t *testing.T) {
	all := counted(1, 2, 3, 4, 5)
	all[1] = survivedAt(48*outcome.MiB, 2)
	all[1].Name = "max=48MiB/step=16MiB"
	found := Check(all)
	require.Len(t, found, 1)
	require.Equal(t, []string{"max=48MiB/step=16MiB"}, found[0].Points)
	require.Equal(t, "max=48MiB/step=16MiB survived, and max=64MiB/step=16MiB, which has more memory, was oom-killed", found[0].Text)
}

// contradict compares two outcomes as the check's documentation says.
func contradict(a, b *outcome.Outcome) bool {
	if a.Evidence.Limits.Max > b.Evidence.Limits.Max {
		a, b = b, a
	}
	return a.Evidence.Limits.Max < b.Evidence.Limits.Max && (outlived(a, b) || countOf(a).lo > countOf(b).hi)
}

// fewestOdd is how many outcomes must be left out at least, by trying all ways.
func fewestOdd(all []*outcome.Outcome) int {
	fewest := len(all)
	for out := range 1 << len(all) {
		agree := true
		for i, a := range all {
			for j := range i {
				agree = agree && (out>>i&1 == 1 || out>>j&1 == 1 || !contradict(a, all[j]))
			}
		}
		if agree {
			fewest = min(fewest, bits.OnesCount(uint(out)))
		}
	}
	return fewest
}

func TestAsFewPointsAsPossibleAreOddAndTheRestAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		all := counted(make([]int, 1+rng.IntN(9))...)
		mixed := rng.IntN(3) == 0
		for i, o := range all {
			o.Evidence.Limits.Max = outcome.Bytes(32+16*rng.IntN(len(all))) * outcome.MiB // some are equal
			o.Name = string(rune('a' + i))
			o.Acknowledged = rng.IntN(6)
			lo := rng.IntN(6)
			o.Predicted = &outcome.Prediction{Lo: lo, Hi: lo + rng.IntN(3)}
			if mixed && rng.IntN(2) == 0 {
				o.Verdict, o.Acknowledged = outcome.Survived, 6 // as many as there are
			}
		}
		found := checkMonotone(group{outcomes: all}, nil)
		odd := map[string]bool{}
		for _, f := range found {
			name := f.Points[0]
			if len(f.Points) == 2 && odd[name] { // of two either may be left out
				name = f.Points[1]
			}
			odd[name] = true
		}
		rest := slices.DeleteFunc(slices.Clone(all), func(o *outcome.Outcome) bool { return odd[o.Name] })
		for i, a := range rest {
			for _, b := range rest[:i] {
				require.False(t, contradict(a, b), "%v %v, found %v", a, b, found)
			}
		}
		if !mixed {
			require.Len(t, found, fewestOdd(all))
		}
	}
}

func TestTheNearestPlaceWithALargerValueIsFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for n := 1; n < 40; n++ {
		values, tree := make([]float64, n), newMaxTree(n)
		for i := range values {
			values[i] = float64(rng.IntN(10))
			tree.set(i, values[i])
		}
		for at := range n {
			x := float64(rng.IntN(11)) - 1
			above := func(v float64) bool { return v > x }
			first := slices.IndexFunc(values[at:], above)
			if first >= 0 {
				first += at
			}
			last := at
			for last >= 0 && !above(values[last]) {
				last--
			}
			require.Equal(t, first, tree.first(at, x), "%v %d %v", values, at, x)
			require.Equal(t, last, tree.last(at, x))
		}
		for range 20 {
			from, to := rng.IntN(n), rng.IntN(n)
			if from > to {
				from, to = to, from
			}
			for i := from; i <= to; i++ {
				values[i]++
			}
			tree.add(from, to, 1)
			at := rng.IntN(n)
			values[at] = 3
			tree.set(at, 3)
			largest, place := tree.max(from, to)
			require.InDelta(t, slices.Max(values[from:to+1]), largest, 0)
			require.Equal(t, from+slices.Index(values[from:to+1], largest), place)
		}
	}
}

func TestCountsUnderLimitsThatMoveByTheClockAreNotCompared(t *testing.T) {
	all := counted(1, 2, 30, 4, 5, 6, 7, 8)
	schedule := outcome.Schedule{{Step: 3, Limit: "high", To: 64 * outcome.MiB}}
	for _, o := range all {
		o.Spec.Schedule = schedule
	}
	require.NotEmpty(t, named(Check(all), "monotone"), "after a step it is the same in each")
	schedule[0] = outcome.Change{At: 1, Limit: "max", To: 64 * outcome.MiB}
	require.Empty(t, Check(all))
}
