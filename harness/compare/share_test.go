package compare

import (
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheExactTestIsFishersAndThatOfSeveralLimitsTheirSum(t *testing.T) {
	few, many := tails([]table{{share{18, 18}, share{36, 17}}})
	require.InDelta(t, 4.68e-5, few, 1e-7) // C(36,17)/C(54,35)
	require.InDelta(t, 1, many, 1e-9)
	few, _ = tails([]table{{share{15, 14}, share{15, 2}}})
	require.InDelta(t, 1.09e-5, few, 1e-7)
	few, many = tails([]table{{share{4, 3}, share{4, 1}}}) // Fisher's lady: 17 of 70
	require.InDelta(t, 17.0/70, few, 1e-12)
	require.InDelta(t, 69.0/70, many, 1e-12)
	apart := table{share{3, 3}, share{3, 0}}
	few, _ = tails([]table{apart, apart})
	require.InDelta(t, 1.0/400, few, 1e-15)
	require.InDelta(t, 2.0/400, minPOf([]table{apart, apart}), 1e-15)
	twoOfThree := table{share{3, 2}, share{3, 0}}
	few, _ = tails([]table{twoOfThree})
	require.InDelta(t, 0.4, 2*few, 1e-12)
	few, _ = tails([]table{twoOfThree, twoOfThree, twoOfThree, twoOfThree})
	require.InDelta(t, 0.0032, 2*few, 1e-12)
	few, many = tails(nil)
	require.Equal(t, [2]float64{1, 1}, [2]float64{few, many})
	require.Empty(t, telling([]table{{share{3, 3}, share{9, 9}}, {share{3, 0}, share{9, 0}}, {share{}, share{9, 4}}}))
}

// The level holds whatever the shares are, and at limits that differ: the head's are the higher ones there.
func TestTheExactTestFindsNoMoreInEqualBuildsThanItsLevel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	runs := func(n int, p float64) (s share) {
		s.runs = n
		for range n {
			if random.Float64() < p {
				s.such++
			}
		}
		return s
	}
	const all = 5000
	for _, higher := range []float64{0, 0.2} {
		found := 0
		for range all {
			var tables []table
			for _, p := range []float64{0.1, 0.4, 0.7} {
				tables = append(tables, table{runs(5, p), runs(10, p+higher)})
			}
			if few, _ := tails(telling(tables)); 2*few <= alpha {
				found++
			}
		}
		require.LessOrEqual(t, found, all*6/1000, "half of the level is on this side")
	}
}

func TestRepeatsThatWouldTellAreThoseOfTheSharesThatWereSeen(t *testing.T) {
	require.Equal(t, 5, repeatsToTell([]table{{share{1, 1}, share{1, 0}}}, true, alpha))
	require.Equal(t, 5, repeatsToTell([]table{{share{1, 0}, share{1, 1}}}, false, alpha))
	require.Equal(t, 11, repeatsToTell([]table{{share{5, 5}, share{5, 2}}}, true, alpha))
	require.Equal(t, 14, repeatsToTell([]table{{share{10, 10}, share{10, 5}}}, true, alpha))
	require.Equal(t, 16, repeatsToTell([]table{{share{15, 15}, share{15, 8}}}, true, alpha), "15 there are")
	require.Zero(t, repeatsToTell([]table{{share{5, 5}, share{5, 2}}}, false, alpha), "the other direction")
	require.Zero(t, repeatsToTell([]table{{share{10, 5}, share{10, 5}}}, true, alpha))
}

func TestEachChanceIsTheQuotientOfCounts(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		of := table{share{runs: 1 + random.IntN(40)}, share{runs: 1 + random.IntN(40)}}
		of.base.such, of.head.such = random.IntN(of.base.runs+1), random.IntN(of.head.runs+1)
		such, all := of.base.such+of.head.such, of.base.runs+of.head.runs
		chances, least := of.chances()
		require.Len(t, chances, min(such, of.head.runs)-max(0, such-of.base.runs)+1)
		for i, chance := range chances {
			both := ways(such, least+i)
			exact, _ := new(big.Rat).SetFrac(both.Mul(both, ways(all-such, of.head.runs-least-i)), ways(all, of.head.runs)).Float64()
			require.InEpsilon(t, exact, chance, 1e-15, "%v", of)
		}
	}
}

// Each count was made from nothing: a minute for these.
func TestTheExactTestOfManyRunsTakesNoMinute(t *testing.T) {
	start := time.Now()
	few, many := tails([]table{{share{5000, 2600}, share{5000, 2400}}})
	require.InDelta(t, 3.44e-5, few, 1e-7)
	require.InDelta(t, 1, many, 1e-4)
	require.Less(t, time.Since(start), 20*time.Second)
}
