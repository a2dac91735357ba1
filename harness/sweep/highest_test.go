//go:build linux

package sweep

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// What the machine spares differs from one day to the next, and with it the limits of a search without an upper end: of what the
// file had, none was used.
func TestASearchThatGoesOnBeginsAtTheHighestLimitOfTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	r, err := Create(path)
	require.NoError(t, err)
	require.Zero(t, r.highest())
	for _, name := range []string{"max=900MiB/GOGC=50/repeat=1", "max=1GiB/GOGC=50/repeat=1", "max=max/repeat=1", "step=2GiB"} {
		require.NoError(t, r.Append(&outcome.Outcome{Name: name, Verdict: outcome.Survived, Timeline: outcome.Timeline{}}))
	}
	require.NoError(t, r.Close())
	r, err = Resume(path)
	require.NoError(t, err)
	require.Equal(t, outcome.GiB, r.highest())
	require.NoError(t, r.Close())
}
