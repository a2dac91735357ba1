package harness

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A step's error is in a line of results, and is searched: a server's answer in it may be of any length.
func TestOfALongErrorItsEndsAreKept(t *testing.T) {
	require.Equal(t, "short", endsOf("short"))
	whole := strings.Repeat("x", maxError)
	require.Equal(t, whole, endsOf(whole))

	long := endsOf("begins" + strings.Repeat("é", 4<<20) + "ends")
	require.Less(t, len(long), maxError+100)
	require.Regexp(t, `^beginsé+\[… \d+ bytes left out …\]é+ends$`, long)
}
