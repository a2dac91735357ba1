package compare

import (
	"math"
	"math/big"
	"sort"
)

// share is how many of some runs are such: how many of those at a limit survived.
type share struct{ runs, such int }

// table is the shares of both sides, of runs that are to be compared.
type table struct{ base, head share }

// tells reports whether the table tells anything: one whose runs are all such, or none, has one outcome alone.
func (t table) tells() bool {
	such := t.base.such + t.head.such
	return t.base.runs > 0 && t.head.runs > 0 && such > 0 && such < t.base.runs+t.head.runs
}

// telling are the tables that tell anything.
func telling(tables []table) (all []table) {
	for _, t := range tables {
		if t.tells() {
			all = append(all, t)
		}
	}
	return all
}

// What has no number is compared by Fisher's exact test, and at several limits by the exact form of Cochran's, Mantel's and
// Haenszel's: how many runs of each limit survived is given, and how they fall on the two sides is chance. The sum over all limits
// decides. A change of a service moves the shares at all of them in one direction, so that a sum has more power than the surest of
// several tests that are each corrected for the others (Holm): 2 of 3 against none has p = 0.4 at one limit, and 0.003 at four. There is
// no approximation in it, as 3 runs are too few for any. A limit that all runs survive, or none, adds nothing to the sum.

// tails are how often the head would have so few such runs, or fewer, and so many, or more, if the sides were the same.
func tails(tables []table) (few, many float64) {
	chances, seen := []float64{1}, 0
	for _, t := range tables {
		of, least := t.chances()
		chances = convolved(chances, of)
		seen += t.head.such - least
	}
	for i, chance := range chances {
		if i <= seen {
			few += chance
		}
		if i >= seen {
			many += chance
		}
	}
	return min(few, 1), min(many, 1)
}

// chances are those of each number of such runs in the head, from the least that there can be: a hypergeometric distribution. Whole
// numbers make it the same on every machine.
func (t table) chances() (chances []float64, least int) {
	such, head, all := t.base.such+t.head.such, t.head.runs, t.base.runs+t.head.runs
	least = max(0, such-t.base.runs)
	of, total := ways(such, least), new(big.Float).SetInt(ways(all, head))
	of.Mul(of, ways(all-such, head-least))
	for n := least; n <= min(such, head); n++ {
		chance, _ := new(big.Float).Quo(new(big.Float).SetInt(of), total).Float64()
		chances = append(chances, chance)
		of.Mul(of, big.NewInt(int64(such-n)*int64(head-n)))
		of.Quo(of, big.NewInt(int64(n+1)*int64(all-such-head+n+1))) // without a rest: it is the next product of two counts of ways
	}
	return chances, least
}

// ways is n over k.
func ways(n, k int) *big.Int { return new(big.Int).Binomial(int64(n), int64(k)) }

// convolved is the distribution of a sum.
func convolved(a, b []float64) []float64 {
	sum := make([]float64, len(a)+len(b)-1)
	for i, p := range a {
		for j, q := range b {
			sum[i+j] += float64(p * q) // not fused with the sum, as some machines do
		}
	}
	return sum
}

// minPOf is the p of such tables if all runs of the one side were such, and none of the other.
func minPOf(tables []table) float64 {
	p := 2.0
	for _, t := range tables {
		of, _ := ways(t.base.runs+t.head.runs, t.head.runs).Float64()
		p /= of
	}
	return min(1, p)
}

// maxRepeats is up to how many repeats are asked of anybody.
const maxRepeats = 100

// repeatsToTell is with how many runs of each limit, on both sides, the shares that were seen would be a change for the worse, or for
// the better, at this level: more than there are. 0 where that takes more than can be asked for.
func repeatsToTell(tables []table, worse bool, level float64) int {
	tells := func(n int) bool {
		scaled := make([]table, len(tables))
		for i, t := range tables {
			scaled[i] = table{t.base.scaled(n), t.head.scaled(n)}
		}
		tail, many := tails(scaled)
		if !worse {
			tail = many
		}
		return 2*tail <= level
	}
	least := max(fewest, maxRuns(tables)+1)
	if least > maxRepeats || !tells(maxRepeats) {
		return 0
	}
	return least + sort.Search(maxRepeats-least, func(more int) bool { return tells(least + more) })
}

// maxRuns is how many runs a side has at a limit at most.
func maxRuns(tables []table) (most int) {
	for _, t := range tables {
		most = max(most, t.base.runs, t.head.runs)
	}
	return most
}

// scaled is the same share of so many runs.
func (s share) scaled(runs int) share {
	return share{runs, int(math.Round(float64(s.such*runs) / float64(s.runs)))}
}

// values are 1 for each of the runs that is such, and 0 for each other.
func (s share) values() []float64 {
	values := make([]float64, s.runs)
	for i := range s.such {
		values[i] = 1
	}
	return values
}
