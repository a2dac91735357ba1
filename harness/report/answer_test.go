package report

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

func TestThePageOfASearchBeginsWithItsAnswer(t *testing.T) {
	s := mustRead(t, "testdata/bisect.jsonl")
	a := s.answers()
	require.Equal(t, "oomcage bisect: 25 MiB", a.Title)
	require.Equal(t, []pageAnswer{{Limit: "25 MiB", Facts: [][2]string{
		{"Survived", "15 of 15 runs at 25 MiB, and all at each higher limit that was tried; 14 of 15 at 24 MiB"},
		{"Border", "not sharp: from 20 MiB, where no run survived, to 25 MiB, where all did (95 % confidence: 80 % of runs or more)"},
		{"To write", "30 MiB, 20 % above 25 MiB"},
		{"Highest peak", "24.2 MiB at 25 MiB"},
	}}}, a.All)
	var page bytes.Buffer
	require.NoError(t, Write(&page, s, HTML))
	require.Contains(t, page.String(), "<h1>oomcage bisect: 25 MiB</h1>")
	require.Contains(t, page.String(), `<p class="limit">25 MiB</p>`)
	require.NotContains(t, page.String(), "oomcage sweep")

	page.Reset()
	sweep := mustRead(t, realSweep)
	require.Nil(t, sweep.answers())
	require.NoError(t, Write(&page, sweep, HTML))
	require.Contains(t, page.String(), `<p class="brand">oomcage sweep</p>`)
	require.NotContains(t, page.String(), "answer-title")
}

func TestASearchWithoutAnAnswerSaysSo(t *testing.T) {
	o := &outcome.Outcome{Name: "max=64MiB/repeat=1", Verdict: outcome.OOMKilled}
	o.Spec.Limits.Max, o.Origin.Command = 64*outcome.MiB, "oomcage bisect -- ./service"
	other := another(o, "max=64MiB/repeat=2")
	a := NewSet([]*outcome.Outcome{o, other}).answers()
	require.Equal(t, "oomcage bisect: no limit", a.Title)
	require.Equal(t, [][2]string{{"Survived", "not even the highest limit, 64 MiB: 0 of 2 runs"}}, a.All[0].Facts)

	other.Origin.Command = "oomcage sweep -- ./service"
	require.Nil(t, NewSet([]*outcome.Outcome{o, other}).answers(), "they are not all of a search")
}

// What is far above the border must not make one blot of it.
func TestTheUpperEndOfASearchIsCutOffTheAxis(t *testing.T) {
	s := mustRead(t, "testdata/bisect.jsonl")
	k := s.index(s.ranked(), chunkSize).Kills
	require.Equal(t, "554 MiB", k.Max.Far[0].Text)
	require.Less(t, k.Max.Top, float64(28*outcome.MiB))
	require.Greater(t, k.Max.From, float64(17*outcome.MiB))
	require.NotEmpty(t, s.curves())
	for _, plot := range s.curves() {
		require.Contains(t, plot, `class="cut"`)
	}
	var image bytes.Buffer
	require.NoError(t, Write(&image, s, SVG))
	require.Contains(t, image.String(), "behind the line not to scale")
}

func TestASuiteInWhichNothingRanHasAPage(t *testing.T) {
	require.NoError(t, Write(new(bytes.Buffer), NewSet(nil), HTML))
}
