package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	shellquote "github.com/kballard/go-shellquote"
	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// The results of two builds, of which the second takes 3 MiB more, and is slower at one of two steps.
const comparedBase, comparedHead = "testdata/compared-base.jsonl", "testdata/compared-head.jsonl"

// mustCompare runs the command, and returns what it printed.
func mustCompare(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	require.Equal(t, code, execute(append([]string{"compare"}, args...), &out, &err), "%s", err.String())
	return out.String(), err.String()
}

func TestAComparisonIsATableAndEndsWithZeroWhereNothingWasToHold(t *testing.T) {
	stdout, stderr := mustCompare(t, 0, comparedBase, comparedHead)
	require.Empty(t, stderr)
	require.Contains(t, stdout, "6 of 8 points changed (verdict 2, peak 4, steps 2, latency 4, filled 4); 2 of 2 smallest limits moved")
	require.Regexp(t, `(?m)^step=1MiB +│ 62 MiB │ 66 MiB  \+4 MiB \(p=0\.008 n=5\)$`, stdout)
	stdout, _ = mustCompare(t, 0, comparedBase, comparedBase)
	require.Contains(t, stdout, "none of 9 points changed; none of 2 smallest limits moved")
}

func TestWhatMayNotChangeFailsTheComparison(t *testing.T) {
	for list, code := range map[string]int{
		"peak +5%, missing 1":             0,
		"peak +5%":                        1, // one point of the base is missing
		"peak +4%":                        1,
		"peak +2MiB, verdict":             1,
		"peak -1%, missing 1":             0,
		"limit +4MiB, missing 1":          0,
		"limit +3MiB":                     1,
		"steps -5":                        1,
		"steps -6, missing 1":             0,
		"latency +10ms":                   1,
		"latency +1s, missing 1":          0,
		"filled":                          1,
		"verdict":                         1,
		"peak +5%,latency +1s, missing 1": 0,
	} {
		stdout, stderr := mustCompare(t, code, "--fail-on", list, comparedBase, comparedHead)
		require.Empty(t, stderr, "the text says it")
		require.Equal(t, code == 1, strings.Contains(stdout, "\nFAIL  "), list)
		mustCompare(t, 0, "--fail-on", list, comparedBase, comparedBase)
	}
	out := filepath.Join(t.TempDir(), "comment.md")
	stdout, stderr := mustCompare(t, exitFailed, "--fail-on", "limit, missing 1", "--format", "markdown", "-o", out, comparedBase, comparedHead)
	require.Empty(t, stdout)
	require.Equal(t, "oomcage compare: limit: step=1MiB: 62 MiB → 66 MiB\noomcage compare: limit: step=2MiB: 62 MiB → 66 MiB\n", stderr)
	require.Contains(t, mustRead(t, out), "**What may not change, and did (2):**")
}

func TestAComparisonThatMakesNoSenseIsRefused(t *testing.T) {
	other := mustStore(t, stored(t, "max=1GiB/other=1", outcome.OOMKilled), "")
	kept := mustRead(t, comparedBase)
	for want, args := range map[string][]string{
		"1 file given, and two are needed":  {comparedBase},
		"-fail-on is empty":                 {"--fail-on", "", comparedBase, comparedHead},
		"3 files given, and two are needed": {comparedBase, comparedHead, comparedHead},
		"no such file or directory; sweep and bisect write such a file, with -o /no/such/file": {comparedBase, "/no/such/file"},
		"have no point in common": {comparedBase, other},
		"there are verdict, limit, peak, steps, latency, filled, missing,": {"--fail-on", "rss +5%", comparedBase, comparedHead},
		`"pdf" is no format; take one of text, markdown, html,`:            {"--format", "pdf", comparedBase, comparedHead},
		"is a file of results, which the report would replace":             {"-o", comparedBase, comparedBase, comparedHead},
		"the line was torn": {comparedBase, mustStore(t, stored(t, "max=1MiB", outcome.OOMKilled)[:60])},
	} {
		stdout, stderr := mustCompare(t, exitUsage, args...)
		require.Empty(t, stdout)
		require.Contains(t, stderr, want)
	}
	require.Equal(t, kept, mustRead(t, comparedBase))
	_, stderr := mustCompare(t, exitMachine, "-o", filepath.Join(t.TempDir(), "no", "c.html"), comparedBase, comparedHead)
	require.Contains(t, stderr, "write the comparison: ")
}

// The examples of the help, in a folder that has the two files.
func TestTheExamplesOfCompareWorkAsTheyStand(t *testing.T) {
	dir := t.TempDir()
	for from, to := range map[string]string{comparedBase: "base.jsonl", comparedHead: "head.jsonl"} {
		data, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, to), data, 0o600))
	}
	t.Chdir(dir)
	for _, example := range examplesOf(t, "compare") {
		words, err := shellquote.Split(example)
		require.NoError(t, err)
		code := 0
		if strings.Contains(example, "--fail-on") {
			code = exitFailed
		}
		mustCompare(t, code, words[2:]...)
	}
	require.Contains(t, mustRead(t, "comment.md"), "### oomcage: 6 of 8 points changed")
	require.Contains(t, mustRead(t, "compare.html"), "<!DOCTYPE html>")
	text, _ := mustCompare(t, 0, "--format=json", "base.jsonl", "head.jsonl")
	var all map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &all))
	require.Len(t, all["points"], 8, fmt.Sprint(all["notes"]))
}
