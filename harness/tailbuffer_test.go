package harness

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATailKeepsTheEnd(t *testing.T) {
	var out tail
	for i := range 100000 {
		fmt.Fprintf(&out, "line %d\n", i)
	}
	s := out.String()
	require.True(t, strings.HasPrefix(s, "[earlier output left out]\n"), s[:40])
	require.True(t, strings.HasSuffix(s, "line 99998\nline 99999\n"))
	require.LessOrEqual(t, len(s), tailSize+100)
	require.LessOrEqual(t, cap(out.buf), 8*tailSize)

	var short tail
	_, _ = short.Write([]byte("bad \xff byte"))
	require.Equal(t, "bad � byte", short.String())

	var long tail
	_, _ = long.Write(make([]byte, 10*tailSize))
	require.Contains(t, long.String(), "left out")
}
