package sweep

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"

	"oomcage/harness/internal/human"
	"oomcage/harness/outcome"
)

// outlived reports whether a survived and b did not. A program without steps survives by its exit code alone, see
// Survived; one with steps that lives, and was refused a step, is judged by its count.
func outlived(a, b *outcome.Outcome) bool { return Survived(a) && died(b) }

func died(o *outcome.Outcome) bool { return !Survived(o) && o.Verdict != outcome.Survived }

// checkMonotone names the few points without which the rest agree. A point with too many steps contradicts all
// those above it that have as many as they should, and each of them only it. Points of equal memory.max are
// not compared. Nor are those of a border that a search has told of; its limits at which all runs agree still have to agree with
// each other.
func checkMonotone(g group, border *span) []Finding {
	left, found := checkSurvivors(slices.DeleteFunc(g.limited(), border.divides))
	return append(found, checkCounts(slices.DeleteFunc(left, border.holds))...)
}

// blocks are where the runs of equal memory.max begin, and the end of the last one.
func blocks(points []*outcome.Outcome) []int {
	starts := []int{0}
	for i := 1; i < len(points); i++ {
		if points[i].Evidence.Limits.Max != points[i-1].Evidence.Limits.Max {
			starts = append(starts, i)
		}
	}
	return append(starts, len(points))
}

// checkSurvivors looks for survivors below what died. A limit divides them: without the survivors below it and the dead
// above it, the rest agree.
func checkSurvivors(points []*outcome.Outcome) (left []*outcome.Outcome, found []Finding) {
	starts := blocks(points)
	from, to := dividing(points, starts)
	var dead, survivors []int // places of those that agree with the limit
	for i, o := range points {
		switch {
		case died(o) && i < to:
			dead = append(dead, i)
		case Survived(o) && i >= from:
			survivors = append(survivors, i)
		}
	}
	for b := range len(starts) - 1 {
		for i := starts[b]; i < starts[b+1]; i++ {
			var others []int // that contradict it, the nearest first or last
			nearest := 0
			switch o := points[i]; {
			case died(o) && i >= to:
				others = survivors[:sort.SearchInts(survivors, starts[b])]
				nearest = len(others) - 1
			case Survived(o) && i < from:
				others = dead[sort.SearchInts(dead, starts[b+1]):]
			default:
				left = append(left, o)
				continue
			}
			found = append(found, oddOne(points[i], points[others[nearest]], len(others) == 1))
		}
	}
	return left, found
}

// dividing is where the block of that limit begins and ends which leaves the fewest survivors below it and dead above it;
// of several the lowest.
func dividing(points []*outcome.Outcome, starts []int) (from, to int) {
	survivorsBelow, deadAbove, fewest := 0, 0, math.MaxInt
	for _, o := range points {
		if died(o) {
			deadAbove++
		}
	}
	for b := range len(starts) - 1 {
		survivors := 0
		for _, o := range points[starts[b]:starts[b+1]] {
			if died(o) {
				deadAbove--
			} else if Survived(o) {
				survivors++
			}
		}
		if odd := survivorsBelow + deadAbove; odd < fewest {
			from, to, fewest = starts[b], starts[b+1], odd
		}
		survivorsBelow += survivors
	}
	return from, to
}

// count is an outcome with the counts that would be as right as its own: all of its prediction, if its own is there, and
// else half of its width around it.
type count struct {
	outcome *outcome.Outcome
	lo, hi  float64
	odd     bool
}

func countOf(o *outcome.Outcome) count {
	if width := slack(o); width > 0 && o.Predicted.Contains(o.Acknowledged) {
		return count{o, float64(o.Predicted.Lo), float64(o.Predicted.Hi), false}
	}
	half := float64(slack(o)) / 2
	return count{o, float64(o.Acknowledged) - half, float64(o.Acknowledged) + half, false}
}

// checkCounts looks for points that took fewer steps than one with less memory: all that its counts may be are fewer.
// The most points that agree are kept, found as a longest rising subsequence is: in n log n.
func checkCounts(points []*outcome.Outcome) []Finding {
	if len(points) == 0 {
		return nil
	}
	starts := blocks(points)
	counts := make([]count, len(points))
	for i, o := range points {
		counts[i] = countOf(o)
	}
	for b := range len(starts) - 1 { // in this order those of equal memory never contradict each other
		slices.SortStableFunc(counts[starts[b]:starts[b+1]], func(a, b count) int { return cmp.Compare(a.lo, b.lo) })
	}
	keepMost(counts)
	return oddCounts(counts, starts)
}

// keepMost keeps as many counts as possible such that none of them has a lo above the hi of a later one, and marks the
// others as odd. It goes through the counts, and its state is the highest lo of those that it has kept: the state i is the
// i-th of all los, and 0 is that nothing is kept yet.
func keepMost(counts []count) {
	los := make([]float64, len(counts))
	for i, c := range counts {
		los[i] = c.lo
	}
	slices.Sort(los)
	los = slices.Compact(los)
	most := newMaxTree(len(los) + 1)
	most.set(0, 0)                   // no other state has been reached
	from := make([]int, len(counts)) // the state before the count was taken, and became the highest
	state := func(i int) (lo, hi int) {
		lo = sort.SearchFloat64s(los, counts[i].lo) + 1
		return lo, sort.Search(len(los), func(k int) bool { return los[k] > counts[i].hi })
	}
	for i := range counts {
		lo, hi := state(i)
		n, before := most.max(0, lo)
		from[i] = before
		most.set(lo, n+1)
		most.add(lo+1, hi, 1)
	}
	_, at := most.max(0, len(los))
	for i := len(counts) - 1; i >= 0; i-- {
		lo, hi := state(i)
		if at == lo {
			at = from[i]
		} else {
			counts[i].odd = at < lo || at > hi
		}
	}
}

// oddCounts says of each odd count what it contradicts.
func oddCounts(counts []count, starts []int) []Finding {
	los, his := newMaxTree(len(counts)), newMaxTree(len(counts)) // of those that are kept, and the latter negative
	for i, c := range counts {
		if c.odd {
			c.lo, c.hi = math.Inf(-1), math.Inf(1)
		}
		los.set(i, c.lo)
		his.set(i, -c.hi)
	}
	var found []Finding
	for b := range len(starts) - 1 {
		for i := starts[b]; i < starts[b+1]; i++ {
			c := counts[i]
			if !c.odd {
				continue
			}
			below := los.last(starts[b]-1, c.hi)
			above := his.first(starts[b+1], -c.lo)
			nearest := below
			sole := above < 0 && los.last(below-1, c.hi) < 0
			if below < 0 || above >= 0 && above-i < i-below {
				nearest = above
				sole = below < 0 && his.first(above+1, -c.lo) < 0
			}
			found = append(found, oddOne(c.outcome, counts[nearest].outcome, sole))
		}
	}
	return found
}

// oddOne is the finding of an odd outcome, and of one that contradicts it. Where each contradicts the other alone, either
// may be the odd one: both are named, that with more memory first.
func oddOne(odd, other *outcome.Outcome, either bool) Finding {
	if !either {
		return Finding{"monotone", []string{odd.Name}, compared(odd, other)}
	}
	if other.Evidence.Limits.Max > odd.Evidence.Limits.Max {
		odd, other = other, odd
	}
	return Finding{"monotone", []string{odd.Name, other.Name}, compared(odd, other)}
}

// compared says how an odd outcome contradicts the other.
func compared(odd, other *outcome.Outcome) string {
	than := "more"
	if other.Evidence.Limits.Max < odd.Evidence.Limits.Max {
		than = "less"
	}
	switch {
	case outlived(odd, other):
		return fmt.Sprintf("%s survived, and %s, which has %s memory, was %s", odd.Name, other.Name, than, EndingOf(other))
	case outlived(other, odd):
		return fmt.Sprintf("%s was %s, and %s, which has %s memory, survived", odd.Name, EndingOf(odd), other.Name, than)
	default:
		return fmt.Sprintf("%s acknowledged %s, and %s, which has %s memory, %d", odd.Name, human.Count(odd.Acknowledged, "step"), other.Name, than, other.Acknowledged)
	}
}
