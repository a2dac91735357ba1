//go:build vmhost

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// asCommand has a test binary run as the command.
const asCommand = "OOMCAGE_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
	}
	m.Run()
}

// workflow is a copy of what docs/compare.md shows, in a folder in which its shell parts can run. There are no cages here, and
// no GitHub: what sweeps has been swept before, and gh, sudo and go are scripts that write down what they are asked.
type workflow struct {
	dir   string
	steps map[string]string // by their names
	other []string          // blocks for a shell, one after the other
}

func newWorkflow(t *testing.T) *workflow {
	t.Helper()
	text := mustRead(t, "../../../docs/compare.md")
	w := &workflow{dir: t.TempDir(), steps: map[string]string{}}
	blocks := regexp.MustCompile("(?s)```(yaml|sh)\n(.*?)```").FindAllStringSubmatch(text, -1)
	for _, b := range blocks {
		if b[1] == "sh" {
			w.other = append(w.other, b[2])
			continue
		}
		for _, step := range strings.Split(b[2], "\n      - ")[1:] {
			name, _, _ := strings.Cut(strings.TrimPrefix(step, "name: "), "\n")
			_, run, found := strings.Cut(step, "\n        run: |\n")
			if found {
				w.steps[name] = strings.ReplaceAll("\n"+run, "\n          ", "\n")
			}
		}
		sweep := regexp.MustCompile(`(?m)^  SWEEP: (.*)$`).FindStringSubmatch(b[2])
		require.NotNil(t, sweep)
		t.Setenv("SWEEP", sweep[1])
	}
	require.Len(t, w.steps, 3)
	require.Len(t, w.other, 2)

	test, err := os.Executable()
	require.NoError(t, err)
	bin := filepath.Join(w.dir, "bin")
	require.NoError(t, os.Mkdir(bin, 0o700))
	for name, script := range map[string]string{
		// the command is this test's binary, and its sweeps are the files that are made for it
		"oomcage": `case $1 in sweep) while [ "$1" != -o ]; do shift; done; cp "$WANT/${HEAD_OR_BASE:-head}.jsonl" "$2"; exit "${SWEEP_CODE:-0}" ;; esac; exec "` + test + `" "$@"`,
		"sudo":    `case "$*" in *base/service*) HEAD_OR_BASE=base; export HEAD_OR_BASE ;; esac; exec "$@"`,
		"go":      `case "$*" in *cmd/oomcage) cp "$WANT/bin/oomcage" oomcage ;; *) echo built >service ;; esac`,
		"git":     `[ "$1" != worktree ] || mkdir -p "$3"`,
		"gh": `echo "gh $*" >>"$WANT/asked"
case "$1 $2" in
"run list") cat "$WANT/runs" ;;
"run download") [ -e "$WANT/artifact.jsonl" ] && mkdir -p "$7" && cp "$WANT/artifact.jsonl" "$7/results.jsonl" ;;
"pr comment") [ ! -e "$WANT/read-only" ] ;;
esac`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	}
	for from, to := range map[string]string{comparedBase: "base.jsonl", comparedHead: "head.jsonl"} {
		w.write(t, to, mustRead(t, from))
	}
	w.write(t, "runs", "")
	t.Setenv("WANT", w.dir)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv(asCommand, "1")
	t.Setenv("GITHUB_STEP_SUMMARY", filepath.Join(w.dir, "summary"))
	t.Setenv("BASE", "0123abcd")
	t.Setenv("PR", "7")
	return w
}

func (w *workflow) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600))
}

// run runs a script as GitHub runs one whose shell is bash, and returns its exit code.
func (w *workflow) run(t *testing.T, script string) (code int, said string) {
	t.Helper()
	work := filepath.Join(w.dir, "work")
	require.NoError(t, os.MkdirAll(work, 0o700))
	cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
	cmd.Dir = work
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), out.String()
}

func (w *workflow) read(t *testing.T, name string) string {
	t.Helper()
	return mustRead(t, filepath.Join(w.dir, name))
}

func (w *workflow) step(t *testing.T, want int, name string) string {
	t.Helper()
	code, said := w.run(t, w.steps[name])
	require.Equal(t, want, code, "%s\n%s", name, said)
	return said
}

const (
	fetchStep = "Fetch the results of the base, or make them"
	fetched   = "gh run download 42 --name memory --dir base\n"
)

func TestTheWorkflowComparesWithTheArtifactOfTheBase(t *testing.T) {
	w := newWorkflow(t)
	w.write(t, "runs", "42\n")
	w.write(t, "artifact.jsonl", w.read(t, "base.jsonl"))
	t.Setenv("SWEEP_CODE", "1") // the checks have found something
	w.step(t, 0, "Sweep")
	require.Equal(t, w.read(t, "head.jsonl"), w.read(t, "work/results.jsonl"))
	w.step(t, 0, fetchStep)
	require.Contains(t, w.read(t, "asked"), "--commit 0123abcd --status success")
	require.Contains(t, w.read(t, "asked"), fetched)
	w.step(t, exitFailed, "Compare")
	require.Contains(t, w.read(t, "summary"), "### oomcage: 6 of 8 points changed")
	require.Contains(t, w.read(t, "work/compare.html"), "<svg")
	require.Contains(t, w.read(t, "asked"), "gh pr comment 7 --edit-last --create-if-none --body-file comment.md\n")
}

func TestTheWorkflowMakesTheResultsOfABaseThatKeepsNone(t *testing.T) {
	for _, runs := range []string{"", "42\n"} { // no run, and one whose artifact is gone
		w := newWorkflow(t)
		w.write(t, "runs", runs)
		w.step(t, 0, "Sweep")
		w.step(t, 0, fetchStep)
		require.Equal(t, runs != "", strings.Contains(w.read(t, "asked"), fetched))
		require.Equal(t, w.read(t, "base.jsonl"), w.read(t, "work/base/results.jsonl"))
		w.step(t, exitFailed, "Compare")
	}
}

func TestTheWorkflowPassesWhereNothingHasChangedAndSaysSoWithoutAComment(t *testing.T) {
	w := newWorkflow(t)
	w.write(t, "head.jsonl", w.read(t, "base.jsonl"))
	w.write(t, "read-only", "") // a fork's token
	w.step(t, 0, "Sweep")
	w.step(t, 0, fetchStep)
	require.Contains(t, w.step(t, 0, "Compare"), "no comment: the token may only read")
	require.Contains(t, w.read(t, "summary"), "### oomcage: none of 9 points changed")
}

func TestTheWorkflowFailsWhereASweepCouldNotBeMade(t *testing.T) {
	w := newWorkflow(t)
	t.Setenv("SWEEP_CODE", "125")
	code, _ := w.run(t, w.steps["Sweep"])
	require.Equal(t, 1, code)
}

func TestTheHistoryOfTheArtifactsIsDrawn(t *testing.T) {
	w := newWorkflow(t)
	w.write(t, "runs", "42 0123abcd\n43 4567ef01\n")
	w.write(t, "artifact.jsonl", w.read(t, "base.jsonl"))
	code, said := w.run(t, w.other[1])
	require.Zero(t, code, said)
	page := w.read(t, "work/history.html")
	require.Contains(t, page, "2 builds in history")
	require.Contains(t, page, "<td>4567ef01</td>")
}

func TestTheExampleOfAComparisonWorksAsItStands(t *testing.T) {
	w := newWorkflow(t)
	// Both sweeps are of one build here, as nothing builds another one.
	code, said := w.run(t, w.other[0])
	require.Zero(t, code, said)
	require.Contains(t, said, "none of 9 points changed")
}
