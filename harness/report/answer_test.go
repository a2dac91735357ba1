package report

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
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
	swept := mustRead(t, realSweep)
	require.Nil(t, swept.answers())
	require.NoError(t, Write(&page, swept, HTML))
	require.Contains(t, page.String(), `<p class="brand">oomcage sweep</p>`)
	require.NotContains(t, page.String(), "answer-title")
}

func TestASearchWithoutAnAnswerSaysSo(t *testing.T) {
	o := &outcome.Outcome{Name: "max=64MiB/repeat=1", Verdict: outcome.OOMKilled}
	o.Spec.Limits.Max, o.Origin.Command = 64*outcome.MiB, "oomcage bisect -- ./service"
	other := another(o, "max=64MiB/repeat=2")
	a := NewSet([]*outcome.Outcome{o, other, another(o, "max=64MiB/repeat=3")}).answers()
	require.Equal(t, "oomcage bisect: no limit", a.Title)
	require.Equal(t, [][2]string{{"Survived", "not even the highest limit, 64 MiB: 0 of 3 runs"}}, a.All[0].Facts)
	require.Equal(t, "oomcage bisect: not finished", NewSet([]*outcome.Outcome{o, other}).answers().Title)

	other.Origin.Command = "oomcage sweep -- ./service"
	require.Nil(t, NewSet([]*outcome.Outcome{o, other}).answers(), "they are not all of a search")
}

func TestThePageOfASearchThatFailedAtItsUpperEndSaysWhy(t *testing.T) {
	o := &outcome.Outcome{Name: "max=64MiB/repeat=1", Verdict: outcome.Exited, Why: "ended by itself with exit code 3"}
	o.Evidence.Status = outcome.ExitStatus{Ended: true, Code: 3}
	o.Spec.Limits.Max, o.Origin.Command = 64*outcome.MiB, "oomcage bisect -- ./service"
	a := NewSet([]*outcome.Outcome{o}).answers()
	require.Equal(t, "oomcage bisect: no answer", a.Title)
	require.Equal(t, [][2]string{
		{"Stopped", "a run at the upper end, 64MiB, failed for another reason than its limit: ended by itself with exit code 3"},
	}, a.All[0].Facts)
}

// The page of a search that was ended said of its upper end that it is the answer, and what to write for it.
func TestThePageOfAnUnfinishedSearchNamesNoAnswer(t *testing.T) {
	whole, err := sweep.Read("testdata/bisect.jsonl") // in the order in which they were run
	require.NoError(t, err)
	for n := range whole[1:] {
		a := NewSet(whole[:n+1]).answers()
		require.Equal(t, "oomcage bisect: not finished", a.Title, "%d outcomes", n+1)
		for _, fact := range a.All[0].Facts {
			require.NotContains(t, []string{"To write", "Survived", "Border"}, fact[0])
		}
	}
	begun := NewSet(whole[:1])
	require.Equal(t, []pageAnswer{{Limit: "not finished", Facts: [][2]string{
		{"So far", "1 of 1 run at 554 MiB, and all at each higher limit that was tried"},
		{"To go on", "the same command with --resume and this file"},
	}}}, begun.answers().All)
	var page bytes.Buffer
	require.NoError(t, Write(&page, begun, HTML))
	require.Contains(t, page.String(), "<h1>oomcage bisect: not finished</h1>")
	require.NotContains(t, page.String(), "To write")

	further := another(whole[0], "max=555MiB/repeat=1")
	further.Origin.Command, further.Origin.Start = "oomcage bisect --confirm 30 -- ./service", further.Origin.Start.Add(time.Hour)
	further.Spec.Limits.Max = 555 * outcome.MiB
	require.Equal(t, "oomcage bisect: not finished", NewSet(append(slices.Clone(whole), further)).answers().Title, "it was gone on with for more runs")

	for _, o := range whole {
		for _, gogc := range []string{"25", "50"} {
			one := another(o, o.Name+"/GOGC="+gogc)
			one.Spec.Limits, one.Origin = o.Spec.Limits, o.Origin
			begun.Outcomes = append(begun.Outcomes, one)
		}
	}
	require.Equal(t, "oomcage bisect: 3 answers, of which 1 not finished", NewSet(begun.Outcomes).answers().Title)
}

func TestThePageOfASearchHasItsWarnings(t *testing.T) {
	var all []*outcome.Outcome
	add := func(limit outcome.Bytes, verdict outcome.Verdict, peak outcome.Bytes) {
		for n := range 3 {
			o := &outcome.Outcome{Name: fmt.Sprintf("max=%dMiB/repeat=%d", limit, n+1), Verdict: verdict, Peak: peak * outcome.MiB}
			o.Spec.Limits.Max, o.Origin.Command = limit*outcome.MiB, "oomcage bisect -- ./service"
			all = append(all, o)
		}
	}
	add(512, outcome.Survived, 300)
	add(101, outcome.Survived, 70)
	add(100, outcome.Survived, 70)
	add(99, outcome.OOMKilled, 99)
	add(80, outcome.Survived, 60)
	a := NewSet(all).answers()
	require.Equal(t, "oomcage bisect: 100 MiB", a.Title)
	require.Contains(t, a.All[0].Facts, [2]string{"Note", "80MiB survived (3 of 3) and 99MiB, which is more, did not (0 of 3): the answer is above both"})
	require.Contains(t, a.All[0].Facts, [2]string{"Note", "the program sizes itself by its limit: it held 60.0 MiB at 80MiB, and 300.0 MiB at 512MiB"})
}

func TestThePageNamesNoCommandThatItDoesNotKnow(t *testing.T) {
	for command, want := range map[string]string{
		"": "oomcage", "oomcage sweep --max 64MiB -- ./service": "oomcage sweep", "oomcage run -- ./service": "oomcage run",
		"oomcage bisect -- ./service": "oomcage bisect", "make sweep": "oomcage",
	} {
		o := &outcome.Outcome{Name: "a", Verdict: outcome.Survived}
		o.Origin.Command = command
		require.Equal(t, want, NewSet([]*outcome.Outcome{o}).brand(), command)
	}
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
