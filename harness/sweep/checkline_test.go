package sweep

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// killedApart are outcomes at so many limits from 32 MiB on, apart by so much.
func killedApart(points int, apart, step outcome.Bytes) (all []*outcome.Outcome) {
	for i := range points {
		all = append(all, killedAt(32*outcome.MiB+outcome.Bytes(i)*apart, step))
	}
	return all
}

// countSteps sets the steps of such outcomes, which rise by slope for each step's bytes. What the program holds is base, and differs
// between runs by up to so many steps as its windows are wide.
func countSteps(all []*outcome.Outcome, slope, base float64, width int, random *rand.Rand) []*outcome.Outcome {
	for _, o := range all {
		fit := slope*float64(o.Evidence.Limits.Max)/float64(o.Spec.Load.Bytes) - base - random.Float64()*float64(width)
		n := max(0, int(math.Floor(fit)))
		o.Acknowledged, o.Attempted, o.Predicted = n, n+1, &outcome.Prediction{Lo: max(0, n-width), Hi: n}
	}
	return all
}

// The first is the grid of make sweep, the second one of a hundred limits.
var grids = []struct {
	points      int
	apart, step outcome.Bytes
	wrong       float64 // a slope that is found wherever the counts are rounded
}{
	{12, 32 * outcome.MiB, 10 * outcome.MiB, 1.18},
	{12, 32 * outcome.MiB, 20 * outcome.MiB, 1.18},
	{102, 4 * outcome.MiB, 10 * outcome.MiB, 1.05},
	{102, 32 * outcome.MiB, 20 * outcome.MiB, 1.05},
}

func TestTheTrueSlopeIsNeverFoundAndAWrongOneAlways(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // garbage collection was half of the time in an emulated guest
	random := rand.New(rand.NewPCG(1, 2))             //nolint:gosec // the same each time
	for _, g := range grids {
		all := killedApart(g.points, g.apart, g.step)
		for _, width := range []int{0, 1} {
			for range 100 {
				base := random.Float64() // the program's own, in steps
				for _, slope := range []float64{1, 0.998} {
					require.Empty(t, Check(countSteps(all, slope, base, width, random)), "%v, width %d, base %v", g, width, base)
				}
				for _, slope := range []float64{g.wrong, 2 - g.wrong} {
					found := Check(countSteps(all, slope, base, width, random))
					require.Len(t, found, 1, "%v, width %d, base %v, slope %v", g, width, base, slope)
					require.Equal(t, "slope", found[0].Check)
				}
			}
		}
	}
}

// Where limits and steps keep pace, rounding is not by chance.
func TestATrueSlopeIsNotFoundAtAnyDistanceOfTheLimits(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // garbage collection was half of the time in an emulated guest
	random := rand.New(rand.NewPCG(3, 4))             //nolint:gosec // the same each time
	for apart := 256 * outcome.KiB; apart <= 24*outcome.MiB; apart += 300 * outcome.KiB {
		all := killedApart(120, apart, 8*outcome.MiB)
		for _, base := range []float64{0, 0.3, 0.7} {
			countSteps(all, 0.998, base, 0, random)
			for points := 2; points <= len(all); points += 1 + points/10 {
				require.Empty(t, Check(all[:points]), "%d limits %v apart, base %v", points, apart, base)
			}
		}
	}
}

func TestTheSlopesFindingSaysWhatItCanTell(t *testing.T) {
	found := Check(countSteps(killedApart(12, 32*outcome.MiB, 20*outcome.MiB), 1.18, 0.3, 0, rand.New(rand.NewPCG(5, 6)))) //nolint:gosec // the same each time
	require.Len(t, found, 1)
	require.Equal(t, "step=20MiB: 1.171 steps for each 20MiB of memory.max over 12 points, not 1 ± 6.5 % (2 %, and 4.5 % for counting whole steps)", found[0].Text)
}

// A program that holds 40 MiB is killed without a step at each limit below.
func TestLimitsTooSmallForAStepDoNotBendTheLine(t *testing.T) {
	require.Empty(t, Check(countSteps(killedApart(40, 4*outcome.MiB, 4*outcome.MiB), 1, 30, 0, rand.New(rand.NewPCG(7, 8))))) //nolint:gosec // the same each time
}

func TestAPointFarFromTheLineIsNamedAndNotTheSlope(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10)) //nolint:gosec // the same each time
	for _, g := range grids {
		for odd := range g.points {
			all := countSteps(killedApart(g.points, g.apart, g.step), 1, 0.5, 0, random)
			o := all[odd]
			o.Acknowledged += 5
			o.Predicted = nil
			found := Check(all)
			require.Equal(t, [][]string{{o.Name}}, named(found, "outlier"), "%v", found)
			require.Contains(t, fmt.Sprint(found), fmt.Sprintf("outlier: %s acknowledged %d steps, and the line through %d others is there at ", o.Name, o.Acknowledged, g.points-1))
			require.Empty(t, named(found, "slope"))
		}
	}
	require.Empty(t, named(Check(countSteps(killedApart(5, 32*outcome.MiB, 10*outcome.MiB), 1, 0.5, 0, random)), "outlier"), "too few to tell")
}
