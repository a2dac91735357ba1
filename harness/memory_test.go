package harness

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHugePagesCountOnlyWhereAFaultTakesThem(t *testing.T) {
	for text, want := range map[string]Bytes{"[always] madvise never": 2 * MiB, "always [madvise] never": 0, "always madvise [never]": 0} {
		dir := t.TempDir()
		mustWrite(t, dir+"/enabled", text)
		mustWrite(t, dir+"/hpage_pmd_size", "2097152\n")
		require.Equal(t, want, hugePageSize(dir), text)
	}
	require.Zero(t, hugePageSize(t.TempDir()))
}
