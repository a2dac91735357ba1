package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// mustReport runs the command, and returns what it printed.
func mustReport(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	require.Equal(t, code, execute(append([]string{"report"}, args...), &out, &err), "%s", err.String())
	return out.String(), err.String()
}

func TestAReportOfASweepIsATableOnTheTerminal(t *testing.T) {
	path := mustStore(t, stored(t, "max=64MiB", outcome.OOMKilled), stored(t, "max=32MiB", outcome.OOMKilled), "")
	stdout, stderr := mustReport(t, 0, path)
	require.Empty(t, stderr)
	lines := strings.Split(stdout, "\n")
	require.Equal(t, "2 points: 2 oom-killed", lines[0])
	require.Regexp(t, `^  max=32MiB +oom-killed +4 +95\.4 MiB +0 B +0\.0 ms$`, lines[3])
	require.Contains(t, lines[4], "max=64MiB")
}

func TestAReportsFormatIsThatOfItsFileOrTheOneThatIsGiven(t *testing.T) {
	path := mustStore(t, stored(t, "max=64MiB", outcome.OOMKilled), "")
	dir := t.TempDir()
	for file, begins := range map[string]string{
		"r.html": "<!DOCTYPE html>", "r.md": "## 1 point: 1 oom-killed", "r.csv": "point,max,verdict", "r.png": "\x89PNG", "r.svg": "<?xml", "r.txt": "1 point",
	} {
		out := filepath.Join(dir, file)
		stdout, stderr := mustReport(t, 0, path, "-o", out)
		require.Empty(t, stdout+stderr)
		data, err := os.ReadFile(out)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(data), begins), "%s begins %.40q", file, data)
	}
	stdout, _ := mustReport(t, 0, "-format=csv", path)
	require.True(t, strings.HasPrefix(stdout, "point,"), stdout)

	_, stderr := mustReport(t, exitUsage, path, "-o", filepath.Join(dir, "r.pdf"))
	require.Contains(t, stderr, "there are html, md, csv, png, svg, table; name one by -format")
	_, stderr = mustReport(t, exitUsage, path, "-format", "pdf")
	require.Contains(t, stderr, `"pdf" is no format`)
	_, stderr = mustReport(t, exitMachine, path, "-o", filepath.Join(dir, "no", "r.html"))
	require.Contains(t, stderr, "write the report: ")
}

func TestAReportOfTooFewOrDoubledPointsIsRefused(t *testing.T) {
	of := func(name string) string {
		return strings.Replace(stored(t, name, outcome.OOMKilled), `"evidence"`, `"origin":{"points":3},"evidence"`, 1)
	}
	a, b := mustStore(t, of("max=1MiB"), of("max=2MiB"), ""), mustStore(t, of("max=2MiB"), "")
	_, stderr := mustReport(t, exitUsage, a)
	require.Contains(t, stderr, "3 points were to be run, and 1 is missing")
	require.Contains(t, stderr, "-partial")
	stdout, _ := mustReport(t, 0, "-partial", a)
	require.Contains(t, stdout, "1 is missing")
	_, stderr = mustReport(t, exitUsage, a, b)
	require.Contains(t, stderr, "the point max=2MiB is in "+a+" and in "+b)
	_, stderr = mustReport(t, exitUsage)
	require.Contains(t, stderr, "no file to show")
	_, stderr = mustReport(t, exitUsage, "/no/such/file")
	require.Contains(t, stderr, "no such file")
}

// A shard that is left of another commit has points of its own, and nothing else tells that it does not belong there.
func TestShardsOfTwoBuildsAreSaidToBeMixed(t *testing.T) {
	of := func(name, build string) string {
		return strings.Replace(stored(t, name, outcome.OOMKilled), `"evidence"`, `"executable":{"path":"/app","sha256":"`+build+`"},"evidence"`, 1)
	}
	a, b := mustStore(t, of("max=64MiB", "aa"), ""), mustStore(t, of("max=32MiB", "bb"), "")
	stdout, stderr := mustReport(t, 0, a, b)
	require.Empty(t, stderr)
	require.Contains(t, stdout, "the points are of 2 builds of ")
	_, stderr = mustReport(t, 0, a, b, "-o", filepath.Join(t.TempDir(), "r.png"))
	require.Contains(t, stderr, "oomcage report: warning: the points are of 2 builds of ")
	_, stderr = mustReport(t, 0, a, "-o", filepath.Join(t.TempDir(), "r.png"))
	require.Empty(t, stderr)
}

func TestATornLastLineIsLeftOutWhereSomeOfTheSweepWillDo(t *testing.T) {
	whole := stored(t, "max=1MiB", outcome.OOMKilled)
	torn := mustStore(t, whole, stored(t, "max=2MiB", outcome.OOMKilled)[:40])
	other := mustStore(t, stored(t, "max=3MiB", outcome.OOMKilled), "")
	_, stderr := mustReport(t, exitUsage, torn, other)
	require.Contains(t, stderr, torn+":2: the line was torn when its sweep was killed")
	require.Contains(t, stderr, "-partial")
	stdout, stderr := mustReport(t, 0, "-partial", torn, other)
	require.Contains(t, stdout, "2 points: 2 oom-killed")
	require.Equal(t, "oomcage report: "+torn+":2: the line was torn when its sweep was killed; go on with it by -resume; what is torn is left out\n", stderr)
	kept, err := os.ReadFile(torn)
	require.NoError(t, err)
	require.Len(t, kept, len(whole)+1+40, "the file itself is left alone")
	_, stderr = mustReport(t, exitUsage, "-partial", mustStore(t, whole, "damage", ""))
	require.Contains(t, stderr, "repair or remove the line")
	_, stderr = mustReport(t, exitUsage, "-partial", mustStore(t, "damage", ""))
	require.Contains(t, stderr, "it may be no file of results")
}

// Whatever may be around a line, report and judge take the same ones.
func TestReportAndJudgeTakeTheSameLines(t *testing.T) {
	a, b := stored(t, "max=1MiB", outcome.OOMKilled), stored(t, "max=2MiB", outcome.OOMKilled)
	const newer = `{"format":99,"name":"max=96MiB","verdict":"thrashed","evidence":{"status":{"ended":true}}}`
	for name, c := range map[string]struct{ text, bad string }{
		"as written":         {a + "\n" + b + "\n", ""},
		"blank lines":        {"\n\n" + a + "\n \t\n" + b + "\n\n", ""},
		"no end":             {a + "\n" + b, ""},
		"CRLF":               {a + "\r\n\r\n" + b + "\r\n", ""},
		"a byte order mark":  {"\uFEFF" + a + "\n" + b + "\n", ""},
		"a mark further on":  {a + "\n\uFEFF" + b + "\n", "invalid character"},
		"a key twice":        {a + "\n" + strings.Replace(b, `"verdict"`, `"verdict":"exited","verdict"`, 1) + "\n", `has the key "verdict" twice`},
		"a newer one":        {a + "\n" + newer + "\n", fmt.Sprintf("made by a newer oomcage (format 99; this one reads %d): install that one\n", outcome.Format)},
		"the beginning of b": {a + "\n" + b[:60], "the line was torn"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "results.jsonl")
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
			code := map[bool]int{true: 0, false: exitUsage}[c.bad == ""]
			shown, reportErr := mustReport(t, code, path)
			var stdout, judgeErr bytes.Buffer
			require.Equal(t, code, execute([]string{"judge", path}, &stdout, &judgeErr))
			if c.bad == "" {
				require.Contains(t, shown, "2 points: 2 oom-killed")
				require.Contains(t, stdout.String(), "2 outcomes judged again: 2 agree")
				return
			}
			for _, text := range []string{reportErr, judgeErr.String()} {
				require.Contains(t, text, path+":2: ")
				require.Contains(t, text, strings.TrimSuffix(c.bad, "\n"))
			}
			require.Equal(t, c.text, mustRead(t, path))
			if strings.HasSuffix(c.bad, "\n") {
				require.NotContains(t, reportErr, "remove")
			}
		})
	}
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

func TestAReportReplacesNoResults(t *testing.T) {
	a, b := mustStore(t, stored(t, "max=1MiB", outcome.OOMKilled), ""), mustStore(t, stored(t, "max=1MiB", outcome.OOMKilled)[:50])
	for _, out := range []string{a, b} {
		before := mustRead(t, out)
		_, stderr := mustReport(t, exitUsage, a, "-format", "csv", "-o", out)
		require.Contains(t, stderr, out+" is a file of results")
		require.Equal(t, before, mustRead(t, out))
	}
	link := filepath.Join(t.TempDir(), "report.csv")
	target := filepath.Join(t.TempDir(), "r.csv")
	require.NoError(t, os.Symlink(target, link))
	require.NoError(t, os.WriteFile(target, []byte("old"), 0o600))
	mustReport(t, 0, a, "-o", link)
	require.Contains(t, mustRead(t, target), "max=1MiB", "the file that a link leads to is written")
	info, err := os.Stat(target)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	left, err := os.ReadDir(filepath.Dir(target))
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.NoError(t, os.Remove(target))
	mustReport(t, 0, a, "-o", link)
	require.Contains(t, mustRead(t, target), "max=1MiB", "and one that it will lead to is made")
	mustReport(t, 0, a, "-format", "md", "-o", os.DevNull)
}

func TestAFindingMakesTheReportFailAndItIsWritten(t *testing.T) {
	killed := strings.Replace(stored(t, "max=64MiB", outcome.OOMKilled), `"evidence"`, `"predicted":{"lo":7,"hi":8},"evidence"`, 1)
	path := mustStore(t, killed, "")
	out := filepath.Join(t.TempDir(), "r.md")
	_, stderr := mustReport(t, 1, path, "-o", out)
	require.Equal(t, "oomcage report: prediction: max=64MiB: killed after 4 steps, and 7..8 were predicted\n", stderr)
	require.FileExists(t, out)
	stdout, stderr := mustReport(t, 1, path)
	require.Contains(t, stdout, "! prediction: max=64MiB")
	require.Empty(t, stderr, "the table has said it")
}
