package sweep

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesAreOrderedAsTheGridMadeThem(t *testing.T) {
	axes := mustAxes(t, "max=8MiB,64MiB,1GiB,max", "step=1MiB,20MiB", "timeout=900ms,2s,1m30s", "GOGC=5,50,off")
	points, err := Grid{Spec: app(), Axes: axes, Step: PostTemplate("/take?bytes=$step"), Repeat: 12}.Points()
	require.NoError(t, err)
	var names []string
	for _, p := range points {
		names = append(names, p.Name)
	}
	mixed := slices.Clone(names)
	rand.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	SortBy(mixed, func(name string) string { return name })
	require.Equal(t, names, mixed)
}

func TestNamesThatNoGridMadeHaveAnOrderToo(t *testing.T) {
	names := []string{"app", "app/x=1", "app/x=2", "b=<script>"}
	mixed := []string{"app/x=2", "b=<script>", "app", "app/x=1"}
	SortBy(mixed, func(name string) string { return name })
	require.Equal(t, names, mixed)
}
