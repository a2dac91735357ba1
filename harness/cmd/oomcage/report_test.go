package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness"
)

// mustReport runs the command, and returns what it printed.
func mustReport(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	require.Equal(t, code, execute(append([]string{"report"}, args...), &out, &err), "%s", err.String())
	return out.String(), err.String()
}

func TestAReportOfASweepIsATableOnTheTerminal(t *testing.T) {
	path := mustStore(t, stored(t, "max=64MiB", harness.OOMKilled), stored(t, "max=32MiB", harness.OOMKilled), "")
	stdout, stderr := mustReport(t, 0, path)
	require.Empty(t, stderr)
	lines := strings.Split(stdout, "\n")
	require.Equal(t, "2 points: 2 oom-killed", lines[0])
	require.Regexp(t, `^  max=32MiB +oom-killed +4 +95\.4 MiB +0 B +0\.0s$`, lines[3])
	require.Contains(t, lines[4], "max=64MiB")
}

func TestAReportsFormatIsThatOfItsFileOrTheOneThatIsGiven(t *testing.T) {
	path := mustStore(t, stored(t, "max=64MiB", harness.OOMKilled), "")
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
	require.Contains(t, stderr, "give -format, one of html, md")
	_, stderr = mustReport(t, exitUsage, path, "-format", "pdf")
	require.Contains(t, stderr, `"pdf" is no format`)
	_, stderr = mustReport(t, exitMachine, path, "-o", filepath.Join(dir, "no", "r.html"))
	require.Contains(t, stderr, "write the report: ")
}

func TestAReportOfTooFewOrDoubledPointsIsRefused(t *testing.T) {
	of := func(name string) string {
		return strings.Replace(stored(t, name, harness.OOMKilled), `"evidence"`, `"origin":{"points":3},"evidence"`, 1)
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

func TestATornLastLineIsLeftOutWhereSomeOfTheSweepWillDo(t *testing.T) {
	whole := stored(t, "max=1MiB", harness.OOMKilled)
	torn := mustStore(t, whole, stored(t, "max=2MiB", harness.OOMKilled)[:40])
	other := mustStore(t, stored(t, "max=3MiB", harness.OOMKilled), "")
	_, stderr := mustReport(t, exitUsage, torn, other)
	require.Contains(t, stderr, torn+":2: the line was torn when its sweep was killed")
	require.Contains(t, stderr, "-partial")
	stdout, stderr := mustReport(t, 0, "-partial", torn, other)
	require.Contains(t, stdout, "2 points: 2 oom-killed")
	require.Equal(t, "oomcage report: "+torn+":2: the line was torn when its sweep was killed; go on with it by -resume; what is torn is left out\n", stderr)
	kept, err := os.ReadFile(torn)
	require.NoError(t, err)
	require.Len(t, kept, len(whole)+1+40, "the file itself is left alone")
	_, stderr = mustReport(t, exitUsage, "-partial", mustStore(t, "damage", ""))
	require.Contains(t, stderr, "repair or remove the line")
}

func TestAFindingMakesTheReportFailAndItIsWritten(t *testing.T) {
	killed := strings.Replace(stored(t, "max=64MiB", harness.OOMKilled), `"evidence"`, `"window":{"lo":7,"hi":8},"evidence"`, 1)
	path := mustStore(t, killed, "")
	out := filepath.Join(t.TempDir(), "r.md")
	_, stderr := mustReport(t, 1, path, "-o", out)
	require.Equal(t, "oomcage report: window: max=64MiB: killed after 4 steps, and 7..8 were predicted\n", stderr)
	require.FileExists(t, out)
	stdout, stderr := mustReport(t, 1, path)
	require.Contains(t, stdout, "! window: max=64MiB")
	require.Empty(t, stderr, "the table has said it")
}
