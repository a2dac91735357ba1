package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorded is a test that fails for itself alone.
type recorded struct {
	testing.TB
	said string
}

func (r *recorded) Helper()                           {}
func (r *recorded) Errorf(format string, args ...any) { r.said = fmt.Sprintf(format, args...) }

func TestWhatDiffersIsShownAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte("a\nb\nc\n"), 0o600))
	r := &recorded{TB: t}
	Compare(r, path, []byte("a\nB\nc\n"))
	require.Contains(t, r.said, path+".got has all of it; to take it over:\n  go test ./harness/golden -update\n2:\n- b\n+ B\n")
	kept, err := os.ReadFile(path + ".got")
	require.NoError(t, err)
	require.Equal(t, "a\nB\nc\n", string(kept))
	r.said = ""
	Compare(r, path, []byte("a\nb\nc\n"))
	require.Empty(t, r.said)
	require.NoFileExists(t, path+".got", "it was of an earlier run")
	Compare(r, path, []byte("a\nb\nc\nd"))
	require.Contains(t, r.said, "4:\n- \n+ d\n")
}
