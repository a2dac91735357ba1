package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
)

func written(t *testing.T, c *Comparison, f Format) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, Write(&out, c, f))
	return out.String()
}

// GitHub takes comments of up to 65,536 characters.
func TestACommentIsNeverTooLong(t *testing.T) {
	long := strings.Repeat("<@|", 300)
	side := func(more outcome.Bytes) *Results {
		r := &Results{File: long, points: map[string]*point{}}
		for i := range 300 {
			for n := range 5 {
				o := run60(fmt.Sprintf("max=%dMiB/A=%d%s/repeat=%d", 60+i%6*2, i/6, long, n+1), outcome.Bytes(60+i%6*2)*outcome.MiB, 60*outcome.MiB+more)
				filled(o, map[bool]outcome.Kind{true: outcome.KindAnon, false: outcome.KindSock}[more == 0], o.Peak)
				o.Origin.Kernel = fmt.Sprint(long, more)
				r.add(slow(o, time.Duration(1000000+more)))
			}
		}
		for i := range 100 {
			r.add(made(fmt.Sprintf("%s%d%v", long, i, more), outcome.Survived, 0, 1, 1))
		}
		return r
	}
	c := Compare(side(0), side(9*outcome.MiB))
	c.Check(mustGates(t, "peak, steps, latency, verdict, limit, filled"))
	text := written(t, c, Markdown)
	require.NotEmpty(t, c.OnlyBase)
	require.Regexp(t, `and 9\d more`, text)
	require.Regexp(t, `- and \d+ more\n`, text)
	require.Contains(t, text, "more have changed")
	require.Less(t, len(text), 65_536)
	require.Greater(t, len(text), 20_000, "there is enough to be too long")
	for _, f := range formats() {
		text := written(t, c, f)
		require.Equal(t, printable.Lines(text), text, f)
	}
	require.NotContains(t, written(t, c, HTML), "<@")
}

func TestThePageNeedsNothingFromOutside(t *testing.T) {
	base, head := sides()
	text := written(t, Compare(mustRead(t, base...), mustRead(t, head...)), HTML)
	require.NotRegexp(t, `(?i)<script|<link|<img|src=|url\(|@import|https?://[^w]`, text)
	require.Contains(t, text, "default-src &#39;none&#39;; style-src &#39;sha256-")
	require.Equal(t, 6, strings.Count(text, "<svg"), "three figures of two series")
}

func TestTheJSONIsReadByAProgram(t *testing.T) {
	base, head := sides()
	c := Compare(mustRead(t, base...), mustRead(t, head...))
	c.Check(mustGates(t, "verdict"))
	var read struct {
		Series []struct {
			Name       string
			Base, Head int64
			Changed    bool
			Test       struct{ P float64 }
		}
		Points []struct {
			Name string
			Peak struct {
				Base, Head struct{ Median float64 }
				Changed    bool
			}
		}
		Failures []struct{ Gate, Point, Text string }
	}
	require.NoError(t, json.Unmarshal([]byte(written(t, c, JSON)), &read))
	require.Len(t, read.Points, 8)
	require.Equal(t, "step=1MiB", read.Series[0].Name)
	require.Equal(t, int64(66<<20), read.Series[0].Head)
	require.InDelta(t, 0.008, read.Series[0].Test.P, 0.001)
	require.Equal(t, "verdict", read.Failures[0].Gate)
	require.Equal(t, "max=62MiB/step=1MiB", read.Failures[0].Point)
	last := read.Points[7]
	require.True(t, last.Peak.Changed)
	require.InDelta(t, 3, (last.Peak.Head.Median-last.Peak.Base.Median)/(1<<20), 0.2)
}

func TestManyPointsHaveRowsWhereTheyHaveChangedAlone(t *testing.T) {
	side := func(more outcome.Bytes) *Results {
		r := &Results{points: map[string]*point{}}
		for i := range 150 {
			for n := range 5 {
				peak := 60 * outcome.MiB
				if i < 3 {
					peak += more
				}
				r.add(made(fmt.Sprintf("A=%d/repeat=%d", i, n), outcome.Survived, 0, peak, 1))
			}
		}
		return r
	}
	text := written(t, Compare(side(0), side(5*outcome.MiB)), Text)
	require.Contains(t, text, "3 of 150 points changed (peak 3)")
	require.Contains(t, text, "\n147 as before\n")
	require.Equal(t, 3, strings.Count(text, "60 MiB"), text)
}

func TestAnUnknownFormatIsNamedWithTheOthers(t *testing.T) {
	var f Format
	require.ErrorContains(t, f.Set("pdf"), `"pdf" is no format; take one of text, markdown, html, json`)
	require.ErrorContains(t, Write(&bytes.Buffer{}, &Comparison{}, "pdf"), `"pdf" is no format`)
}

// Searches have no points, and points no searches.
func TestTheSummaryNamesWhatWasCompared(t *testing.T) {
	for want, c := range map[string]Comparison{
		"there is nothing to compare":                            {},
		"the one smallest limit did not move":                    {Series: []*Series{{}}},
		"1 of 2 smallest limits moved":                           {Series: []*Series{{Changed: true}, {}}},
		"the one point did not change":                           {Points: []*Point{{}}},
		"none of 2 points changed; the one smallest limit moved": {Points: []*Point{{}, {}}, Series: []*Series{{Changed: true}}},
	} {
		require.Equal(t, want, c.summary())
	}
}
