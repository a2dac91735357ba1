package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the files in testdata that are made from others")

// golden compares with a file, shows what differs, and leaves what it got beside it.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
		return
	}
	want, err := os.ReadFile(path)
	if err == nil && bytes.Equal(want, got) {
		_ = os.Remove(path + ".got") // of an earlier run
		return
	}
	note := path + ".got has all of it"
	if wrong := os.WriteFile(path+".got", got, 0o644); wrong != nil {
		note = wrong.Error()
	}
	t.Errorf("%s is not what is made now (-want +got); %s; to take it over:\n  go test ./harness/report -update\n%s", path, note,
		differences(string(want), string(got)))
}

// differences are the first lines in which two texts differ.
func differences(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	var text strings.Builder
	for i, shown := 0, 0; i < max(len(a), len(b)) && shown < 10; i++ {
		switch {
		case i >= len(a):
			fmt.Fprintf(&text, "%d:\n+ %s\n", i+1, b[i])
		case i >= len(b):
			fmt.Fprintf(&text, "%d:\n- %s\n", i+1, a[i])
		case a[i] != b[i]:
			fmt.Fprintf(&text, "%d:\n- %s\n+ %s\n", i+1, a[i], b[i])
		default:
			continue
		}
		shown++
	}
	return text.String()
}

func TestReportsAreAsTheyWere(t *testing.T) {
	for name, s := range map[string]*Set{"sweep": mustRead(t, realSweep), "findings": NewSet(makeFindings(t))} {
		for _, f := range []Format{Table, Markdown, CSV, SVG} {
			t.Run(name+"."+string(f), func(t *testing.T) {
				var got, again bytes.Buffer
				require.NoError(t, Write(&got, s, f))
				golden(t, "testdata/"+name+"."+string(f), got.Bytes())
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
	golden(t, "testdata/findings.page.json", append(got, '\n'))
}
