package sweep

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// Lines are parsed on all CPUs, and come in their order; an error is about the first bad one.
func TestLinesThatAreParsedAheadKeepTheirOrder(t *testing.T) {
	const n = 3000
	line := func(i int) string {
		return fmt.Sprintf(`{"format":1,"name":"max=%d","verdict":"exited","evidence":{},"output":%q}`+"\n", i, strings.Repeat("x", i%1000))
	}
	var text strings.Builder
	for i := range n {
		text.WriteString(line(i))
	}
	path := filepath.Join(t.TempDir(), "results.jsonl")
	each := func(text string) (int, error) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		next := 0
		err := ReadEach(path, false, func(o *outcome.Outcome) error {
			require.Equal(t, fmt.Sprintf("max=%d", next), o.Name)
			next++
			return nil
		})
		return next, err
	}
	whole := text.String()
	got, err := each(whole)
	require.NoError(t, err)
	require.Equal(t, n, got)

	got, err = each(whole + "\n\nnothing\n" + whole)
	require.ErrorContains(t, err, fmt.Sprintf(":%d: ", n+3))
	require.ErrorContains(t, err, "repair or remove the line")
	require.Equal(t, n, got)

	got, err = each(whole + strings.TrimSuffix(line(1), "}\n"))
	require.ErrorIs(t, err, ErrTorn)
	require.Equal(t, n, got)

	long := strings.Replace(line(n), `"output":"`, `"output":"`+strings.Repeat("y", 3*aheadBytes), 1)
	got, err = each(whole + long + strings.Replace(line(n), "max=3000", "max=3001", 1))
	require.NoError(t, err)
	require.Equal(t, n+2, got)
}
