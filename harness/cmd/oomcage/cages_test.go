//go:build linux

package main

// These tests run the command with cages.

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oomcage/harness"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

func needCages(t *testing.T) {
	t.Helper()
	require.NoError(t, harness.NewCageT(t, harness.Limits{}).Close())
}

func TestARunOfTheServicePrintsItsStepsAndItsVerdict(t *testing.T) {
	needCages(t)
	app := harness.BuildT(t, "../../../app")
	run := []string{"run", "--max", "64M", "--swap", "0", "--post", "/generate-load/memory?bytes=$step", "--step", "20MiB",
		"--expect", "oom-killed", "--acked", "predicted"}
	target := []string{"--", app, "-addr", "$ADDR"}

	var stdout, stderr bytes.Buffer
	require.Zero(t, execute(append(run, target...), &stdout, &stderr), "%s%s", &stdout, &stderr)
	require.Contains(t, stdout.String(), "\nready ")
	require.Contains(t, stdout.String(), "\n1      █")
	require.Contains(t, stdout.String(), "(no answer; the peak)\n\noom-killed: killed by its own limit: ")

	stdout.Reset()
	require.Equal(t, exitFailed, execute(append(append(run, "--acked", "40..50", "--json"), target...), &stdout, &stderr))
	require.Contains(t, stderr.String(), "steps were acknowledged, not 40..50")
	o, err := outcome.ParseOutcome(stdout.Bytes())
	require.NoError(t, err)
	require.Equal(t, harness.OOMKilled, o.Verdict)

	stdout.Reset()
	require.Equal(t, exitFailed, execute(append([]string{"run", "--max", "64M", "--post", "/typo"}, target...), &stdout, &stderr))
	require.Regexp(t, `\n1 .* none \(refused: 404\)\n\ninconclusive: alive, but nothing was loaded: `, stdout.String())
	require.Contains(t, stderr.String(), "nothing was loaded: step 1 was not acknowledged: POST http://")

	t.Setenv("OOMCAGE_VM", "6.12")
	require.Equal(t, exitMachine, execute([]string{"run", "/no/such/program"}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "no such file or directory; add it to the microVM: oomcage vm -add /no/such/program …\n")
}

func TestAProgramThatIsNotWaitedForHasOnlyBeenStarted(t *testing.T) {
	needCages(t)
	app := harness.BuildT(t, "../../../app")
	var stdout, stderr bytes.Buffer
	require.Zero(t, execute([]string{"run", "--max", "64M", "--", app, "-no-such-flag"}, &stdout, &stderr), stderr.String())
	require.Regexp(t, `\nstart  [█·]+ .*\n\nexited: `, stdout.String())
	require.Regexp(t, `\n  memory .*; when it was ready \d+, of which \d+ page cache\n`, stdout.String())
}

func TestARunMayBePushedByACommand(t *testing.T) {
	needCages(t)
	app := harness.BuildT(t, "../../../app")
	var stdout, stderr bytes.Buffer
	code := execute([]string{"run", "--json", "--ready", "/ping", "--exec", app + " -no-such-flag '$ADDR'", "--steps", "3", "--", app, "-addr", "$ADDR"}, &stdout, &stderr)
	require.Equal(t, exitFailed, code, stderr.String())
	require.Contains(t, stderr.String(), "nothing was loaded: step 1 was not acknowledged: ")
	o, err := outcome.ParseOutcome(stdout.Bytes())
	require.NoError(t, err)
	require.Equal(t, harness.Inconclusive, o.Verdict)
	require.Equal(t, 1, o.Attempted)
	require.Contains(t, o.Error, "exit status 2")
	require.Contains(t, o.Error, "-no-such-flag", "what the command said")
}

func TestASweepKeepsItsResultsAndGoesOnWithThem(t *testing.T) {
	needCages(t)
	app := harness.BuildT(t, "../../../app")
	out := filepath.Join(t.TempDir(), "results.jsonl")
	args := []string{"sweep", "-o", out, "--max", "32MiB,40MiB", "--step", "8MiB", "--post", "/generate-load/memory?bytes=$step"}
	target := []string{"--", app, "-addr", "$ADDR"}
	var stdout, stderr bytes.Buffer
	require.Zero(t, execute(append(append(args, "--shard", "0/2"), target...), &stdout, &stderr), "%s%s", &stdout, &stderr)
	require.Contains(t, stdout.String(), "1/1  oom-killed ")
	require.Contains(t, stdout.String(), "1 outcome in "+out+": oom-killed 1\nThe checks found nothing.\n")

	require.Equal(t, exitUsage, execute(append(args, target...), &stdout, &stderr))
	require.Contains(t, stderr.String(), "go on with it by -resume")

	stdout.Reset()
	require.Zero(t, execute(append(append(args, "--resume"), target...), &stdout, &stderr), "%s%s", &stdout, &stderr)
	require.Contains(t, stdout.String(), "(of an earlier run)")
	outcomes, err := sweep.Read(out)
	require.NoError(t, err)
	require.Len(t, outcomes, 2)

	tooLarge := []string{"sweep", "-o", out + ".2", "--max", "64MiB,1P", "--", app}
	require.Equal(t, exitUsage, execute(tooLarge, &stdout, &stderr))
	require.Contains(t, stderr.String(), "the point max=1048576GiB: there is no room: it may take")
}

func TestWhatIsCapturedIsKeptHereOrBesideTheResults(t *testing.T) {
	needCages(t)
	app := harness.BuildT(t, "../../../app")
	dir := t.TempDir()
	t.Chdir(dir)
	load := []string{"--post", "/generate-load/memory?bytes=$step", "--step", "10MiB", "--steps", "4"}
	captures := []string{"--capture", "/ping@30%", "--capture-exec", app + " -no-such-flag@31%"}
	target := []string{"--", app, "-addr", "$ADDR"}
	var stdout, stderr bytes.Buffer
	run := slices.Concat([]string{"run", "--max", "64M"}, load, captures, target)
	require.Zero(t, execute(run, &stdout, &stderr), "%s%s", &stdout, &stderr)
	require.Regexp(t, `\n  capture    GET /ping at 30 % of memory\.max: \d+ B in .*; kept in artifacts/app\.ping\n`, stdout.String())
	require.Regexp(t, `\n  capture    /.*/app -no-such-flag at 31 % of memory\.max: run /.*/app: exit status 2: app: flag provided`, stdout.String())
	answer, err := os.ReadFile("artifacts/app.ping")
	require.NoError(t, err)
	require.Contains(t, string(answer), "pong")

	stdout.Reset()
	sweeping := slices.Concat([]string{"sweep", "-o", "out/results.jsonl", "--max", "64M,80M"}, load, captures[:2], target)
	require.Zero(t, execute(sweeping, &stdout, &stderr), "%s%s", &stdout, &stderr)
	outcomes, err := sweep.Read("out/results.jsonl")
	require.NoError(t, err)
	for _, o := range outcomes {
		require.Equal(t, filepath.Join("out/artifacts", strings.ReplaceAll(o.Name, "/", "_")+".ping"), o.Evidence.Captures[0].Path)
		require.FileExists(t, o.Evidence.Captures[0].Path)
		require.NotContains(t, o.Origin.Command, "artifacts")
	}
	stdout.Reset()
	named := slices.Concat([]string{"run", "--max", "64M", "--artifacts", "a/b"}, load, captures[:2], target)
	require.Zero(t, execute(named, &stdout, &stderr), "%s%s", &stdout, &stderr)
	require.FileExists(t, "a/b/app.ping")
}

func TestASearchEndsWithItsSentence(t *testing.T) {
	needCages(t)
	app := harness.BuildT(t, "../../../app")
	args := []string{"bisect", "--lo", "8MiB", "--hi", "40MiB", "--tolerance", "8MiB", "--repeat", "1", "--steps", "2",
		"--post", "/generate-load/memory?bytes=$step", "--step", "8MiB"}
	target := []string{"--", app, "-addr", "$ADDR"}
	var stdout, stderr bytes.Buffer
	require.Zero(t, execute(append(args, target...), &stdout, &stderr), "%s%s", &stdout, &stderr)
	require.Regexp(t, `\nsmallest memory\.max that survives 2 steps: (24|32)MiB \(1 of 1; (16|24)MiB: 0 of 1\)\n`, stdout.String())
	require.Regexp(t, `(?m)^to write: \d+\.0 MiB, 20% above (24|32)\.0 MiB; the highest peak at that limit was `, stdout.String())
	require.Regexp(t, `(?m)^    MemoryMax=(29|39)M$`, stdout.String())
	require.Regexp(t, `(?m)^  No run has tried GOMEMLIMIT=(26|35)MiB, which is for the Go runtime`, stdout.String())

	stdout.Reset()
	require.Zero(t, execute(append(append(args, "--json"), target...), &stdout, &stderr))
	var a sweep.Answer
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &a))
	require.Positive(t, a.Max)

	require.Equal(t, exitFailed, execute(append(append(args, "--hi", "16MiB"), target...), &stdout, &stderr))
	require.Contains(t, stdout.String(), "a memory.max of 16MiB, the upper end, does not survive 2 steps (0 of 1)")

	require.Equal(t, exitUsage, execute(append(append(args, "--hi", "1P"), target...), &stdout, &stderr))
	require.Contains(t, stderr.String(), "there is no room: a cage gets at most")

	stdout.Reset()
	require.Equal(t, exitMachine, execute(append(append(args, "--post", "/typo"), target...), &stdout, &stderr))
	require.Regexp(t, `^inconclusive +0 steps  max=40MiB/repeat=1  .*/typo: 404 Not Found`, stdout.String())
	require.Regexp(t, `a run at the upper end, 40MiB, failed for another reason than its limit: .*/typo: 404 Not Found`, stderr.String())
}

func TestWithoutStepsALineSaysHowTheProgramEnded(t *testing.T) {
	o := &harness.Outcome{Name: "max=8MiB", Verdict: harness.Exited, Evidence: harness.Evidence{Status: outcome.ExitStatus{Ended: true}}}
	var lines bytes.Buffer
	show := newProgress(2, 2, false, &lines)
	show.done(o, false)
	o.Spec.Load.Name, o.Acknowledged = "POST /", 4
	show.done(o, false)
	require.Equal(t, "1/2  exited               exit code 0  max=8MiB\n"+
		"2/2  exited                 4 steps  max=8MiB\n", lines.String())
}

func TestASearchWithoutStepsSaysHowTheProgramEnded(t *testing.T) {
	needCages(t)
	app := harness.BuildT(t, "../../../app")
	var stdout, stderr bytes.Buffer
	require.Zero(t, execute([]string{"bisect", "--lo", "16MiB", "--hi", "32MiB", "--tolerance", "16MiB", "--repeat", "1", "--", app, "-h"}, &stdout, &stderr), "%s%s", &stdout, &stderr)
	require.Regexp(t, `(?m)^exited +exit code 0  max=32MiB/repeat=1$`, stdout.String())
}

func TestTheResultsOfASweepGoAlongIntoTheMicroVM(t *testing.T) {
	require.Equal(t, []string{"results.jsonl"}, resultsOf([]string{"sweep", "-max", "64MiB", "-resume", "--", "./app", "-o", "not-ours"}))
	require.Equal(t, []string{"mine"}, resultsOf([]string{"sweep", "-o", "mine", "./app"}))
	require.Empty(t, resultsOf([]string{"run", "./app"}))
	require.Empty(t, resultsOf([]string{"no such command"}))
}

func TestASearchShowsWhatAProgramPrintedThatFailedOtherwise(t *testing.T) {
	failed := &harness.Outcome{
		Name: "max=8MiB/repeat=1", Verdict: harness.Exited, Why: "ended by itself with exit code 3", Output: strings.Repeat("earlier\n", 50) + "\n\x1b[31mno licence\n\n",
		Evidence: harness.Evidence{Status: outcome.ExitStatus{Ended: true, Code: 3}},
	}
	killed := &harness.Outcome{Name: "max=4MiB/repeat=1", Verdict: harness.OOMKilled, Output: "took too much\n"}
	for _, asJSON := range []bool{false, true} {
		var stdout, stderr bytes.Buffer
		show := newSearchPrinter(asJSON, &stdout, &stderr)
		show.done(failed, false)
		show.done(failed, false)
		show.done(killed, false)
		assert.Equal(t, strings.Repeat("  | earlier\n", outputLines-1)+"  | \\x1b[31mno licence\n", stderr.String())
		assert.Equal(t, asJSON, stdout.Len() == 0)
	}
}

func TestASweepKeepsNoSecretsAndGoesOnWithoutThem(t *testing.T) {
	needCages(t)
	app := harness.BuildT(t, "../../../app")
	out := filepath.Join(t.TempDir(), "results.jsonl")
	sweepWith := func(token string, flags ...string) (kept, stderr string) {
		var stdout, other bytes.Buffer
		args := append([]string{"sweep", "-o", out, "--env", "API_TOKEN=" + token, "--max", "32MiB", "--step", "8MiB"}, flags...)
		args = append(args, "--post", "/generate-load/memory?bytes=$step", "--", app, "-addr", "$ADDR")
		require.Zero(t, execute(args, &stdout, &other), "%s%s", &stdout, &other)
		data, err := os.ReadFile(out)
		require.NoError(t, err)
		return string(data), other.String()
	}
	kept, said := sweepWith("swordfish")
	require.NotContains(t, kept, "swordfish")
	require.Contains(t, kept, `"API_TOKEN=[hidden]"`)
	require.Empty(t, said)
	again, said := sweepWith("sturgeon", "--resume")
	require.Equal(t, kept, again)
	require.Equal(t, "oomcage sweep: API_TOKEN: results do not have the values of secrets, so they are taken to be what they were\n", said)
	out += ".all"
	kept, _ = sweepWith("swordfish", "--show-secrets")
	require.Contains(t, kept, `"API_TOKEN=swordfish"`)
}

func TestARunPrintsNoSecretsUnlessToldTo(t *testing.T) {
	needCages(t)
	app := harness.BuildT(t, "../../../app")
	for flag, hidden := range map[string]bool{"--json": true, "--max=64M": true, "--show-secrets": false} {
		var stdout, stderr bytes.Buffer
		execute([]string{"run", flag, "--env", "API_TOKEN=swordfish", "--", app, "-addr", "swordfish"}, &stdout, &stderr)
		require.Contains(t, stdout.String(), "missing port in address", "the program has printed it")
		require.Equal(t, !hidden, strings.Contains(stdout.String(), "swordfish"), "%s: %s%s", flag, &stdout, &stderr)
		require.Equal(t, hidden, strings.Contains(stdout.String(), "[hidden]"), "%s: %s%s", flag, &stdout, &stderr)
	}
}
