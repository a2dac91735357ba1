package sweep

import (
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness"
)

// counted is a sweep of one series with these counts, 16 MiB apart.
func counted(counts ...int) []*harness.Outcome {
	var all []*harness.Outcome
	for i, n := range counts {
		o := killedAt(harness.Bytes(32+16*i)*harness.MiB, 16*harness.MiB)
		o.Acknowledged, o.Attempted, o.Window = n, n+1, nil
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
	all[1] = survivedAt(48*harness.MiB, 2)
	all[1].Name = "max=48MiB/step=16MiB"
	found := Check(all)
	require.Len(t, found, 1)
	require.Equal(t, []string{"max=48MiB/step=16MiB"}, found[0].Points)
	require.Equal(t, "max=48MiB/step=16MiB survived, and max=64MiB/step=16MiB, which has more memory, was oom-killed", found[0].Text)
}
