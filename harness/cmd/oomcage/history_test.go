//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	shellquote "github.com/kballard/go-shellquote"
	"github.com/stretchr/testify/require"
)

// mustHistory is a folder with the results of two builds, of which the second is the older one by its name.
func mustHistory(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for from, to := range map[string]string{comparedBase: "zzz.jsonl", comparedHead: "aaa/results.jsonl"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, to)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, to), []byte(mustRead(t, from)), 0o600))
	}
	return dir
}

func TestAHistoryIsShownInTheFormatOfItsFile(t *testing.T) {
	dir := mustHistory(t)
	stdout, stderr := mustReport(t, 0, "--history", dir)
	require.Empty(t, stderr)
	require.Regexp(t, `(?m)^  aaa +2026-11-28 09:00 +66 MiB ▲ +63\.1 MiB ± 0 % ▲$`, stdout)
	require.Less(t, strings.Index(stdout, "  zzz"), strings.Index(stdout, "  aaa"), "the older one first")
	out := t.TempDir()
	for file, begins := range map[string]string{"h.html": "<!DOCTYPE html>", "h.md": "### oomcage: 2 builds", "h.svg": "<?xml", "h.txt": "2 builds"} {
		path := filepath.Join(out, file)
		mustReport(t, 0, "--history", dir, "-o", path)
		require.True(t, strings.HasPrefix(mustRead(t, path), begins), file)
	}
}

func TestAHistoryThatMakesNoSenseIsRefused(t *testing.T) {
	dir := mustHistory(t)
	for want, args := range map[string][]string{
		"--history takes no files beside its folder": {"--history", dir, comparedBase},
		"a history is no csv; take one of":           {"--history", dir, "--format", "csv"},
		"no such file":                               {"--history", filepath.Join(dir, "none")},
		"has no file of results":                     {"--history", t.TempDir()},
		"is a file of results":                       {"--history", dir, "--format", "md", "-o", comparedBase},
	} {
		stdout, stderr := mustReport(t, exitUsage, args...)
		require.Empty(t, stdout)
		require.Contains(t, stderr, want)
	}
	_, stderr := mustReport(t, exitMachine, "--history", dir, "-o", filepath.Join(dir, "no", "h.svg"))
	require.Contains(t, stderr, "write the history: ")
	torn := filepath.Join(dir, "torn.jsonl")
	base := mustRead(t, comparedBase)
	require.NoError(t, os.WriteFile(torn, []byte(base[:len(base)-30]), 0o600))
	_, stderr = mustReport(t, exitUsage, "--history", dir)
	require.Contains(t, stderr, "the line was torn")
	mustReport(t, 0, "--partial", "--history", dir)
}

func TestTheExamplesOfAHistoryWorkAsTheyStand(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Rename(mustHistory(t), filepath.Join(dir, "history")))
	t.Chdir(dir)
	n := 0
	for _, example := range examplesOf(t, "report") {
		if !strings.Contains(example, "--history") {
			continue
		}
		words, err := shellquote.Split(example)
		require.NoError(t, err)
		mustReport(t, 0, words[2:]...)
		n++
	}
	require.Equal(t, 2, n)
	require.Contains(t, mustRead(t, "history.html"), "<svg")
}

// hostileHistory is what is shown of builds with such names.
func hostileHistory(t *testing.T, results string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"\x1b[2J\u202e\xff", "a|<script>b"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".jsonl"), []byte(mustRead(t, results)), 0o600))
	}
	var all string
	for _, format := range []string{"table", "md", "html", "svg"} {
		var stdout, stderr bytes.Buffer
		require.Zero(t, execute([]string{"report", "--history", dir, "--format", format}, &stdout, &stderr), "%s", &stderr)
		if format != "table" {
			require.NotContains(t, stdout.String(), "<script>")
		}
		all += stdout.String()
	}
	return all + ended(t, "report", "--history", "/no/"+hostile) + ended(t, "report", "--history", dir, "--format", "csv")
}
