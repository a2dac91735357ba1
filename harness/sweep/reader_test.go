package sweep

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// zeros never end, as /dev/zero.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestWhatHasNoLineBreaksIsNotReadForEver(t *testing.T) {
	r := NewReader(zeros{})
	r.longest = 1 << 20
	_, err := r.Next()
	require.EqualError(t, err, "no results: 4 MiB without a line break; name a file with one outcome a line")

	r = NewReader(strings.NewReader(strings.Repeat("x", 3<<20) + "\n" + `{"name":"a","verdict":"survived","evidence":{}}`))
	r.longest = 1 << 20
	_, err = r.Next()
	var line *LineError
	require.ErrorAs(t, err, &line)
	require.ErrorContains(t, err, "longer than 1 MiB")
	o, err := r.Next()
	require.NoError(t, err, "the next line is read all the same")
	require.Equal(t, "a", o.Name)
}

func TestTheErrorOfAFileNamesItOnce(t *testing.T) {
	r := NewReader(zeros{})
	r.longest = 1 << 20
	_, err := r.Next()
	require.EqualError(t, inFile("core", false, err), "core: no results: 4 MiB without a line break; name a file with one outcome a line")

	dir := t.TempDir()
	err = ReadEach(dir, true, func(*outcome.Outcome) error { return nil })
	require.ErrorContains(t, err, "directory")
	require.Equal(t, 1, strings.Count(err.Error(), dir), err)
}
