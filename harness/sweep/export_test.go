package sweep

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"oomcage/harness/outcome"
)

// SearchedByOdds are the runs that a search makes of a program which survives at each limit in such a share of its runs, as they
// would be kept.
func SearchedByOdds(t *testing.T, s Search, needs outcome.Bytes, odds func(outcome.Bytes) float64, random *rand.Rand) (runs []*outcome.Outcome) {
	t.Helper()
	_, f := program{needs: needs, odds: odds, noise: outcome.MiB}.searched(t, s, random)
	for _, trial := range f.trials {
		for i, o := range trial.Outcomes {
			o.Name = fmt.Sprintf("max=%v/repeat=%d", trial.Max, i+1)
			o.Evidence.Limits.Max = trial.Max
			runs = append(runs, o)
		}
	}
	return runs
}
