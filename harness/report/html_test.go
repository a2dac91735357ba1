package report

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

func mustHTML(t *testing.T, s *Set) string {
	t.Helper()
	var page bytes.Buffer
	require.NoError(t, Write(&page, s, HTML))
	return page.String()
}

var block = regexp.MustCompile(`<script type="application/gzip" (?:id|class)="(\w+)">([^<]*)</script>`)

// mustUnpack does what data.mjs does: it returns the index, and the details of all points.
func mustUnpack(t *testing.T, page string) (x index, details []detail) {
	t.Helper()
	for _, found := range block.FindAllStringSubmatch(page, -1) {
		packed, err := base64.StdEncoding.DecodeString(found[2])
		require.NoError(t, err)
		zip, err := gzip.NewReader(bytes.NewReader(packed))
		require.NoError(t, err)
		if found[1] == "index" {
			require.NoError(t, json.NewDecoder(zip).Decode(&x))
			continue
		}
		var some []detail
		require.NoError(t, json.NewDecoder(zip).Decode(&some))
		details = append(details, some...)
	}
	return x, details
}

func TestAPageHasEveryPointAndItsDetailAtTheSamePlace(t *testing.T) {
	s := mustRead(t, made)
	x, details := mustUnpack(t, mustHTML(t, s))
	require.Len(t, x.Points, len(s.Outcomes))
	require.Len(t, details, len(s.Outcomes))
	for i, o := range s.ranked() {
		require.Equal(t, o.Name, x.Points[i].Name)
		require.Equal(t, o.Acknowledged, x.Points[i].Acked)
		require.Equal(t, o.Why, details[i].Why)
		require.Equal(t, len(o.Timeline), details[i].Readings)
		for j, v := range x.Points[i].Values {
			require.Contains(t, o.Name, x.Axes[j].Name+"="+x.Axes[j].Values[v])
		}
	}
}

func TestAPageRefersToNothingOutside(t *testing.T) {
	page := mustHTML(t, mustRead(t, made))
	rest := block.ReplaceAllString(page, "")
	rest = strings.ReplaceAll(rest, "http://www.w3.org/2000/svg", "") // the name of a language, which nobody fetches
	outside := regexp.MustCompile(`https?:|//[a-z]+\.|src=|@import|url\((?:[^#]|$)|fetch\(|XMLHttpRequest|WebSocket`)
	require.Empty(t, outside.FindAllString(strings.ReplaceAll(rest, "url(#kills-clip)", ""), -1))
	policy := regexp.MustCompile(`Policy" content="([^"]*)"`).FindStringSubmatch(page)
	require.Len(t, policy, 2)
	require.True(t, strings.HasPrefix(html.UnescapeString(policy[1]), "default-src 'none'; "), policy[1])
	require.Equal(t, []string{`href="data:,"`, `href="#points-title"`}, regexp.MustCompile(`href="[^"]*"`).FindAllString(rest, -1))
}

const hostile = "<script>alert(1)</script></script><img src=x onerror=alert(2)>\x00\x1b[31m\u202e\u2028`${7}{{.Style}}\"'&amp;"

// hostileSet is a point in which every text that a target, a kernel or a command line can choose is hostile.
func hostileSet(t *testing.T) *Set {
	t.Helper()
	o := another(mustRead(t, realSweep).Outcomes[0], "max=64MiB/kind="+hostile)
	other := another(o, "max=96MiB/kind="+hostile)
	o.Output = strings.Repeat(hostile+"\n", 1<<20/len(hostile))
	o.Error, o.Why = hostile, hostile
	o.Spec.Target = outcome.Target{Path: hostile, Args: []string{hostile}, Env: []string{hostile}}
	o.Evidence.Kills = []outcome.OOMKill{{Name: hostile}}
	o.Evidence.Unread = map[outcome.Source]string{hostile: hostile}
	o.Evidence.Status.Signal = hostile
	o.Origin = outcome.Origin{Command: hostile, Kernel: hostile, Arch: hostile, CPUs: 1}
	o.Verdict = outcome.Inconclusive
	return NewSet([]*outcome.Outcome{o, other})
}

func TestHostileTextsAreTextInEveryFormat(t *testing.T) {
	s := hostileSet(t)
	for _, f := range []Format{HTML, Markdown, SVG, Table, CSV} {
		t.Run(string(f), func(t *testing.T) {
			var got bytes.Buffer
			require.NoError(t, Write(&got, s, f))
			bad := []string{"\x00", "\x1b", "\u202e"}
			if f != Table && f != CSV {
				bad = append(bad, "<script>alert", "<img")
			}
			for _, text := range bad {
				require.Zero(t, strings.Count(got.String(), text), "%q is in it", text)
			}
		})
	}
	page := mustHTML(t, s)
	rest := block.ReplaceAllString(page, "")
	require.Equal(t, 1, strings.Count(rest, "</script>"), "the page's own")
	_, details := mustUnpack(t, page)
	require.True(t, strings.HasPrefix(details[0].Output, `<script>alert(1)</script></script><img src=x onerror=alert(2)>\x00\x1b[31m\u202e\u2028`), details[0].Output[:200])
	require.Equal(t, 1, strings.Count(details[0].Output, " bytes are left out here]"))
	require.Less(t, len(page), 300_000)
}

// How 10,000 points fare, .ci/tools/browser measures.
func TestAThousandPointsMakeASmallPage(t *testing.T) {
	page := mustHTML(t, NewSet(many(t, 1_000)))
	require.Less(t, len(page), 1_000_000)
	x, details := mustUnpack(t, page)
	require.Len(t, x.Points, 1_000)
	require.Len(t, details, 1_000)
	require.NotEmpty(t, details[999].Timeline.Columns["current"])
	require.NotEmpty(t, details[999].Evidence)
}

func TestLongTimelinesAndOutputsAreThinnedUntilThePageFits(t *testing.T) {
	random := uint64(1)
	next := func() uint64 { random ^= random << 13; random ^= random >> 7; random ^= random << 17; return random }
	long := make([]outcome.Sample, 4096)
	for i := range long {
		long[i] = outcome.Sample{At: time.Duration(i)*time.Millisecond + time.Duration(next()%1e6), Current: outcome.Bytes(next() % 1e9), Step: i / 100}
	}
	noise := make([]byte, 64<<10)
	for i := range noise {
		noise[i] = byte(' ' + next()%90)
	}
	outcomes := many(t, 80)
	for _, o := range outcomes {
		o.Timeline, o.Output = long, string(noise)
	}
	const room = 200_000
	var page bytes.Buffer
	require.NoError(t, NewSet(outcomes).writePage(&page, room))
	_, details := mustUnpack(t, page.String())
	last := details[len(details)-1]
	packed := 0
	for _, b := range block.FindAllStringSubmatch(page.String(), -1) {
		packed += len(b[2])
	}
	require.Less(t, packed, room)
	require.Greater(t, packed, room/4, "no more is thrown away than has to be")
	require.GreaterOrEqual(t, len(last.Timeline.Columns["current"]), 12)
	require.Equal(t, 4096, last.Readings)
	require.Contains(t, last.Output, "left out here")
	require.NotEmpty(t, last.Facts)

	page.Reset()
	err := NewSet(outcomes).writePage(&page, 5_000)
	require.EqualError(t, err, "a page of 80 points is larger than 4.9 KiB, though there is the least of each: take another format, or sweeps of fewer points")
	require.Zero(t, page.Len(), "no part of a page")
}

func TestTheLeastOfAPointIsItsReasonAndItsFacts(t *testing.T) {
	o := mustRead(t, realSweep).Outcomes[0]
	d, err := detailOf(o, allowance{})
	require.NoError(t, err)
	require.Equal(t, o.Why, d.Why)
	all, err := detailOf(o, generous(1))
	require.NoError(t, err)
	require.Equal(t, all.Facts, d.Facts)
}

func TestASizeThatAScriptCannotCountIsLeftOut(t *testing.T) {
	o := another(mustRead(t, realSweep).Outcomes[0], "app")
	o.Evidence.Limits.Max, o.Evidence.Limits.High = outcome.Unlimited, outcome.Unlimited
	x, details := mustUnpack(t, mustHTML(t, NewSet([]*outcome.Outcome{o})))
	require.Zero(t, x.Points[0].Max)
	require.Empty(t, details[0].Timeline.Limits)
}
