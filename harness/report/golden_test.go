package report

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/golden"
)

func TestReportsAreAsTheyWere(t *testing.T) {
	for name, s := range map[string]*Set{"sweep": mustRead(t, realSweep), "findings": NewSet(makeFindings(t))} {
		for _, f := range []Format{Table, Markdown, CSV, SVG} {
			t.Run(name+"."+string(f), func(t *testing.T) {
				var got, again bytes.Buffer
				require.NoError(t, Write(&got, s, f))
				golden.Compare(t, "testdata/"+name+"."+string(f), got.Bytes())
				require.NoError(t, Write(&again, s, f))
				require.Equal(t, got.String(), again.String(), "it is the same each time")
			})
		}
	}
}

// How well the page's data is compressed is up to Go's version; what is in it is not.
func TestThePageHoldsWhatItDid(t *testing.T) {
	s := NewSet(makeFindings(t))
	ranked := s.ranked()
	var details []detail
	for i, o := range ranked {
		if i >= 4 && len(o.Evidence.KillTimes) == 0 {
			continue // four, and those with processes
		}
		d, err := detailOf(o, generous(len(ranked)))
		require.NoError(t, err)
		details = append(details, d)
	}
	got, err := json.MarshalIndent(map[string]any{"index": s.index(ranked, chunkSize), "details": details}, "", " ")
	require.NoError(t, err)
	golden.Compare(t, "testdata/findings.page.json", append(got, '\n'))
}
