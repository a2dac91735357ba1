package compare

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// build writes the results of a build that needs so much, in MiB, at limits from 56 to 72 MiB.
func build(t *testing.T, dir, name string, need int, start time.Time) string {
	t.Helper()
	all := triedAt(5, need, 56, 60, 64, 68, 72)
	for _, o := range all {
		o.Origin.Start = start
	}
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, lines(t, all...), 0o600))
	return path
}

func buildNames(h *History) (names []string) {
	for _, b := range h.Builds {
		names = append(names, b.Name)
	}
	return names
}

func TestBuildsAreInTheOrderInWhichTheirSweepsBegan(t *testing.T) {
	dir, day := t.TempDir(), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	build(t, dir, "cafe.jsonl", 60, day)
	build(t, dir, "beef/results.jsonl", 63, day.Add(time.Hour))
	build(t, dir, "abba.jsonl", 66, day.Add(2*time.Hour))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("none of ours"), 0o600))
	h, err := ReadHistory(dir, false)
	require.NoError(t, err)
	require.True(t, h.Dated)
	require.Equal(t, []string{"cafe", "beef", "abba"}, buildNames(h))
	require.Equal(t, []string{""}, h.Series)
	var limits, peaks []outcome.Bytes
	for _, b := range h.Builds {
		limits, peaks = append(limits, b.Of[""].Limit/outcome.MiB), append(peaks, outcome.Bytes(b.Of[""].Peak.Median)/outcome.MiB)
	}
	require.Equal(t, []outcome.Bytes{60, 64, 68}, limits)
	require.Equal(t, []outcome.Bytes{60, 63, 66}, peaks)
	require.True(t, h.Builds[1].Of[""].LimitChanged)
	require.True(t, h.Builds[1].Of[""].PeakChanged)
	require.False(t, h.Builds[0].Of[""].PeakChanged)
}

// The build before the first one that is shown decides where its arrow points.
func TestAChangeOfTheFirstBuildThatIsShownPointsWhereItWent(t *testing.T) {
	dir, day := t.TempDir(), time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for i, need := range []int{60, 64, 60, 60} {
		build(t, dir, fmt.Sprintf("commit%d.jsonl", i), need, day.Add(time.Duration(i)*24*time.Hour))
	}
	h, err := ReadHistory(dir, false)
	require.NoError(t, err)
	for most, want := range map[int][]string{3: {"64 MiB ▲", "64 MiB ▲"}, 2: {"60 MiB ▼", "60 MiB ▼"}, 1: {"60 MiB", "60 MiB"}} {
		require.Equal(t, want, h.table("", most).rows[0][2:])
	}
}

// Where the highest limit is not survived by all any more, the peak is that at a lower one: it is compared with what it was there.
func TestAPeakIsComparedWithThatAtTheSameLimit(t *testing.T) {
	dir, day := t.TempDir(), time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for i, mebibytes := range []int{50, 56} {
		all := triedAt(5, 100, 64, 128)
		for _, o := range all {
			o.Origin.Start = day.Add(time.Duration(i) * time.Hour)
			if o.Evidence.Limits.Max == 64*outcome.MiB {
				o.Verdict, o.Peak = outcome.Survived, outcome.Bytes(mebibytes)*outcome.MiB
			} else if i == 1 {
				o.Verdict = outcome.Killed
			}
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprint(i, ".jsonl")), lines(t, all...), 0o600))
	}
	h, err := ReadHistory(dir, false)
	require.NoError(t, err)
	require.Equal(t, "100 MiB", h.table("", 2).rows[0][3])
	require.Equal(t, "56 MiB ▲", h.table("", 2).rows[1][3])
}

func TestTheFolderOfAHistoryMayBeALink(t *testing.T) {
	dir := t.TempDir()
	build(t, dir, "builds/a.jsonl", 60, time.Time{})
	require.NoError(t, os.Symlink("builds", filepath.Join(dir, "link")))
	h, err := ReadHistory(filepath.Join(dir, "link"), false)
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, buildNames(h))
	h, err = ReadHistory(filepath.Join(dir, "builds/a.jsonl"), false)
	require.NoError(t, err, "one file is a history too")
	require.Len(t, h.Builds, 1)
}

func TestBuildsWithoutATimeAreInTheOrderOfTheirNames(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"run-10.jsonl", "run-9.jsonl", "run-009a.jsonl", "a.jsonl"} {
		build(t, dir, name, 60, map[bool]time.Time{true: time.Unix(int64(i), 0)}[i == 0])
	}
	h, err := ReadHistory(dir, false)
	require.NoError(t, err)
	require.False(t, h.Dated, "one has a time, and the others have none")
	require.Equal(t, []string{"a", "run-9", "run-009a", "run-10"}, buildNames(h))
	require.Equal(t, 0, natural("a1", "a1"))
	require.Negative(t, natural("2", "10"))
	require.Negative(t, natural("a01", "a1"), "and yet they are two names")
}

func TestAHistoryThatCannotBeReadIsRefused(t *testing.T) {
	dir := t.TempDir()
	_, err := ReadHistory(dir, false)
	require.ErrorContains(t, err, "has no file of results: it needs one for each build")
	_, err = ReadHistory(filepath.Join(dir, "none"), false)
	require.ErrorIs(t, err, os.ErrNotExist)
	path := build(t, dir, "a.jsonl", 60, time.Time{})
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, data[:len(data)-20], 0o600))
	_, err = ReadHistory(dir, false)
	require.ErrorIs(t, err, sweep.ErrTorn)
	h, err := ReadHistory(dir, true)
	require.NoError(t, err)
	require.Len(t, h.Builds, 1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b.jsonl"), []byte("damage\n"), 0o600))
	_, err = ReadHistory(dir, true)
	require.ErrorContains(t, err, "b.jsonl:1")
}

// A sweep that was killed before its first outcome leaves an empty file, or the beginning of a line.
func TestAFileWithoutAnOutcomeHidesNoOtherBuild(t *testing.T) {
	dir, day := t.TempDir(), time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.jsonl"), nil, 0o600))
	_, err := ReadHistory(dir, true)
	require.ErrorContains(t, err, "no outcome is in there")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b.jsonl"), []byte(`{"format":1,"na`), 0o600))
	build(t, dir, "d.jsonl", 60, day)
	build(t, dir, "c.jsonl", 60, day.Add(time.Hour))
	_, err = ReadHistory(dir, false)
	require.ErrorContains(t, err, "a.jsonl: no outcome is in there")
	h, err := ReadHistory(dir, true)
	require.NoError(t, err)
	require.True(t, h.Dated)
	require.Equal(t, []string{"d", "c"}, buildNames(h))
}

func TestAHistoryIsDrawnInEachFormat(t *testing.T) {
	dir, day := t.TempDir(), time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for i, need := range []int{60, 60, 63, 58} {
		build(t, dir, fmt.Sprintf("commit%d.jsonl", i), need, day.Add(time.Duration(i)*24*time.Hour))
	}
	h, err := ReadHistory(dir, false)
	require.NoError(t, err)
	h.Dir = "history"
	var text, comment, page, image bytes.Buffer
	require.NoError(t, h.WriteText(&text))
	require.Equal(t, `4 builds in history, by the time when their sweeps began

(all)
  smallest limit  ▁▁█▁
  peak            ▄▄█▁

  build    began             smallest limit  peak
  commit0  2026-11-01 12:00  60 MiB          60 MiB
  commit1  2026-11-02 12:00  60 MiB          60 MiB
  commit2  2026-11-03 12:00  64 MiB ▲        63 MiB ▲
  commit3  2026-11-04 12:00  60 MiB ▼        58 MiB ▼
`, text.String())
	require.NoError(t, h.WriteMarkdown(&comment))
	require.Contains(t, comment.String(), "| commit2 | 2026-11-03 12:00 | 64 MiB ▲ | 63 MiB ▲ |\n")
	require.NoError(t, h.WriteHTML(&page))
	require.NotRegexp(t, `(?i)<script|<link|<img|src=`, page.String())
	require.Less(t, strings.Index(page.String(), "<td>commit3"), strings.Index(page.String(), "<td>commit0"), "the newest first")
	require.Equal(t, 2, strings.Count(page.String(), `class="path `), "two curves")
	require.NoError(t, h.WriteSVG(&image))
	for d := xml.NewDecoder(&image); ; {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
}

func TestALongHistoryIsShownByItsNewestBuilds(t *testing.T) {
	long := strings.Repeat("|<a>", 100) + "\x1b[2J\u202e"
	h := &History{Dir: long}
	for s := range 200 {
		h.Series = append(h.Series, fmt.Sprint(long, s))
	}
	for i := range 3000 {
		b := Build{Name: fmt.Sprint(long, i), Of: map[string]State{}}
		for _, s := range h.Series[:2] {
			b.Of[s] = State{Limit: outcome.Bytes(i+1) * outcome.MiB, HasLimit: true, Peak: Summary{1, 1, 1}}
		}
		h.Builds = append(h.Builds, b)
	}
	for _, write := range []func(io.Writer) error{h.WriteText, h.WriteMarkdown, h.WriteHTML, h.WriteSVG} {
		var out bytes.Buffer
		require.NoError(t, write(&out))
		require.Equal(t, printable.Lines(out.String()), out.String())
		require.Less(t, out.Len(), 8<<20)
	}
	var comment bytes.Buffer
	require.NoError(t, h.WriteMarkdown(&comment))
	require.LessOrEqual(t, comment.Len(), maxComment)
	require.Contains(t, comment.String(), "2999 MiB")
	require.NotContains(t, comment.String(), "<a>")
	require.Regexp(t, `\d+ builds before`, comment.String())
}
