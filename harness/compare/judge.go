package compare

import (
	"cmp"
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

const (
	// alpha is how often a single test may take noise for a change. Complete separation of 5 runs from 5 comes in one of 126
	// cases by chance, so 5 repeats are the fewest that can be significant.
	alpha  = 0.01
	fewest = 5

	// falseShare bounds the share of false ones among the changes that are found in one measure over all points
	// (Benjamini and Hochberg), and so how often there is any in two equal builds. No rank test of 5 and 5 can be more sure than
	// one in 126, so a change at few of many points also counts where it is clear: all runs of the one side are further from all of
	// the other than the runs of a side, here and at most other points, are from each other.
	//
	// With 2 %, 5 repeats of two points find what one of them shows, and the peak has an alarm in no more than 3 of 1,000 comparisons of
	// equal builds, as with 1 %, where both had to show it (2026-11).
	falseShare = 0.02

	// margin is by what part of the runs' range the samples must differ at least: with that much taken off, the difference must
	// still be significant. Of 400,000 pairs of 5 equal runs, 0.8 % are apart, and by more than the margin 0.2 % with normal or
	// lognormal noise, and with noise that has two values, as huge pages make it (2026-11). It shrinks with more repeats.
	margin = 0.25
)

// test is one measure at one point: two samples, and what comes of them.
type test struct {
	base, head []float64
	floor      float64 // a smaller difference of the medians is of no interest

	// What has no number has values of 0 and 1, and tables of how many are 1. No margin is for them: it is a part of a range of
	// sizes. By those of few the head has fewer, and by those of many more. A series has one of them alone, as its answers moved.
	few, many []table

	p       float64 // by the U test or, of tables, by the exact one; NaN where there are too few runs for any to be significant
	q       float64 // p, corrected for all points that were tested
	changed bool
}

// judge decides which of the tests of one measure show a change.
//
// A point of which all runs, of both sides together, lie within the floor cannot have changed by more than that, and is not
// tested. What that leaves out does not depend on which side a run is of, so it makes the other tests no less valid; and it
// leaves more power to them, as fewer are corrected for.
func judge(tests []*test) {
	var tested []*test
	for _, t := range tests {
		t.p, t.q = math.NaN(), math.NaN()
		if len(t.base) == 0 || len(t.head) == 0 {
			continue
		}
		slices.Sort(t.base)
		slices.Sort(t.head)
		lo, hi := min(t.base[0], t.head[0]), max(t.base[len(t.base)-1], t.head[len(t.head)-1])
		switch {
		case hi-lo < t.floor || hi == lo:
			if t.minP() <= alpha {
				t.p, t.q = 1, 1
			}
		case t.minP() > alpha:
			t.changed = t.apart() && t.large()
		default:
			t.p = t.chance()
			tested = append(tested, t)
		}
	}
	correct(tested)
	usual := usualRange(tested)
	for _, t := range tested {
		clear := t.gap() > max(t.wide(), usual*t.level())
		t.changed = t.p <= alpha && t.large() && (t.q <= falseShare || clear)
	}
}

// correct computes each q by Benjamini and Hochberg's rule: the least share of false ones with which it is among those found.
func correct(tests []*test) {
	byP := slices.Clone(tests)
	slices.SortStableFunc(byP, func(a, b *test) int { return cmp.Compare(a.p, b.p) })
	least := 1.0
	for i, t := range slices.Backward(byP) {
		least = min(least, t.p*float64(len(byP))/float64(i+1))
		t.q = least
	}
}

// chance is the p of what differs.
func (t *test) chance() float64 {
	if !t.counted() {
		return t.beyondMargin()
	}
	few, _ := tails(t.few)
	_, many := tails(t.many)
	return min(1, 2*few, 2*many)
}

// counted reports whether it has tables.
func (t *test) counted() bool { return t.few != nil || t.many != nil }

// minP is the p if the samples were apart.
func (t *test) minP() float64 {
	if !t.counted() {
		return minP(len(t.base), len(t.head))
	}
	return min(minPOf(t.few), minPOf(t.many))
}

// minP is the p of two samples of these sizes that are apart: 2/(n over k).
func minP(a, b int) float64 {
	ways := 1.0
	for i := 1; i <= min(a, b); i++ {
		ways *= float64(max(a, b)+i) / float64(i)
	}
	return min(1, 2/ways)
}

// repeatsFor is how many repeats a change at one of so many points needs to be found, where the others are as they were.
func repeatsFor(points int) int {
	n := fewest
	for minP(n, n)*float64(points) > falseShare {
		n++
	}
	return n
}

// direction is the sign of the difference.
func (t *test) direction() float64 {
	by := median(t.head) - median(t.base)
	if by == 0 {
		by = mean(t.head) - mean(t.base)
	}
	return math.Copysign(1, by)
}

// wide is the range of the runs of a side, on average.
func (t *test) wide() float64 {
	return (t.base[len(t.base)-1] - t.base[0] + t.head[len(t.head)-1] - t.head[0]) / 2
}

// gap is how far all runs of one side are from all of the other; negative where they are not apart.
func (t *test) gap() float64 {
	return max(t.head[0]-t.base[len(t.base)-1], t.base[0]-t.head[len(t.head)-1])
}

// level is what ranges at other points are compared by: noise grows with what is measured, but for what has no number.
func (t *test) level() float64 {
	if t.floor == 0 {
		return 1
	}
	return math.Abs(median(t.base)+median(t.head)) / 2
}

// usualRange is the range that three quarters of the tests do not exceed, as a part of their level.
func usualRange(tests []*test) float64 {
	var ranges []float64
	for _, t := range tests {
		if level := t.level(); level > 0 {
			ranges = append(ranges, t.wide()/level)
		}
	}
	if len(ranges) == 0 {
		return 0
	}
	slices.Sort(ranges)
	return ranges[(3*len(ranges)+3)/4-1]
}

// taken is the head with the margin taken off the difference.
func (t *test) taken() []float64 {
	off := margin * t.wide() * fewest / float64(max(min(len(t.base), len(t.head)), fewest)) * t.direction()
	taken := make([]float64, len(t.head))
	for i, v := range t.head {
		taken[i] = v - off
	}
	return taken
}

// beyondMargin is the p of a U test of whether the samples differ by more than the margin.
func (t *test) beyondMargin() float64 {
	rest := test{base: t.base, head: t.taken()}
	if rest.direction() != t.direction() {
		return 1
	}
	// The samples are sorted in place: they are sorted already.
	return min(1, benchmath.AssumeNothing.Compare(benchmath.NewSample(rest.base, thresholds), benchmath.NewSample(rest.head, thresholds)).P)
}

var thresholds = &benchmath.Thresholds{CompareAlpha: alpha}

// apart reports whether all runs of one side lie beyond all of the other by more than the margin.
func (t *test) apart() bool {
	head := t.taken()
	if t.direction() > 0 {
		return head[0] > t.base[len(t.base)-1]
	}
	return head[len(head)-1] < t.base[0]
}

// large reports whether the medians differ by the floor at least.
func (t *test) large() bool { return math.Abs(median(t.head)-median(t.base)) >= t.floor }

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// median is that of sorted values.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
