package sweep

import (
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// Half of the last huge page is empty on average, and its size is that of the machine which was measured.
func TestWhatIsEmptyOfAHugePageIsThatOfTheMachine(t *testing.T) {
	const held = 100 * outcome.MiB
	for _, c := range []struct {
		of     outcome.Baseline
		spared outcome.Bytes
	}{
		{outcome.Baseline{}, outcome.MiB},
		{outcome.Baseline{PageSize: 4 * outcome.KiB}, outcome.MiB},
		{outcome.Baseline{PageSize: 16 * outcome.KiB}, 16 * outcome.MiB},
		{outcome.Baseline{PageSize: 64 * outcome.KiB, HugePage: 2 * outcome.MiB}, outcome.MiB},
	} {
		o := &outcome.Outcome{Verdict: outcome.Survived, Peak: held, Baseline: c.of}
		o.Evidence.Fullest = &outcome.Composition{Current: held, Stat: outcome.MemoryStat{Anon: held, AnonTHP: held / 2}}
		require.Equal(t, held-c.spared, sightOf(o, 0, 0).need, c.of)
	}
}
