//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"oomcage/harness"
	"oomcage/harness/outcome"
)

// madeSuite runs entries that end as these errors say, each with an outcome unless it could not be made.
func madeSuite(t *testing.T, files fileFlags, ends ...error) (entries []entry, stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	root := &cobra.Command{Use: "oomcage"}
	cmd := newRunCommand()
	root.AddCommand(cmd)
	root.SetOut(&out)
	root.SetErr(&errs)
	cmd.SetContext(t.Context())
	for i := range ends {
		own := &cobra.Command{Use: "run"}
		entries = append(entries, entry{name: fmt.Sprint("run ", i, hostile), cmd: own})
	}
	n := -1
	run := func(cmd *cobra.Command, _ []string) error {
		n++
		var failure failed
		if ends[n] == nil || errors.As(ends[n], &failure) {
			o := hostileOutcome(entries[n].name)
			tell(cmd.Context(), o)
		}
		return ends[n]
	}
	err = errors.Join(runAll(cmd, entries, run), files.write("oomcage run", entries))
	return entries, out.String(), errs.String(), err
}

func TestASuiteEndsWithALineForEachRun(t *testing.T) {
	dir := t.TempDir()
	files := fileFlags{junit: filepath.Join(dir, "junit.xml"), html: filepath.Join(dir, "page.html")}
	_, stdout, stderr, err := madeSuite(t, files, nil, failed("the verdict is killed, not survived"), errors.New("no such program"))
	require.EqualError(t, err, "of 3 runs 1 could not be made: run 2"+hostile)
	child := newSpecCommand("run")
	(&cobra.Command{Use: "oomcage"}).AddCommand(child)
	require.Equal(t, exitMachine, exitStatus(child, err, &bytes.Buffer{}))
	require.Contains(t, stderr, "no such program")
	require.Equal(t, 3, strings.Count(stdout, "== run "))
	require.Regexp(t, `\nrun 0.* +as expected\nrun 1.* +the verdict is killed, not survived\nrun 2.*  none +it could not be run: no such program\n$`, stdout)
	require.NotContains(t, stdout, "\x1b")

	var x junitSuites
	text := mustRead(t, files.junit)
	require.NoError(t, xml.Unmarshal([]byte(text), &x))
	require.NotContains(t, text, "\x1b")
	require.Equal(t, [4]int{3, 1, 1, 0}, [4]int{x.Tests, x.Failures, x.Errors, x.Skipped})
	require.Len(t, x.Suites, 1)
	cases := x.Suites[0].Cases
	require.Equal(t, "oomcage run", cases[0].Class)
	require.Nil(t, cases[0].Failure)
	require.NotEmpty(t, cases[0].Output)
	require.Equal(t, "the verdict is killed, not survived", cases[1].Failure.Message)
	require.NotEmpty(t, cases[1].Failure.Text)
	require.Equal(t, "no such program", cases[2].Error.Text)
	require.Equal(t, "verdict", cases[0].Properties[0].Name)
	require.Contains(t, mustRead(t, files.html), "the verdict is killed, not survived")
}

func TestASuiteWhoseRunsAreNotAllAsExpectedFails(t *testing.T) {
	_, _, _, err := madeSuite(t, fileFlags{}, nil, failed("a"), failed("b"))
	require.ErrorAs(t, err, new(failed))
	require.ErrorContains(t, err, "of 3 runs 2 not as expected: run 1")
	_, _, _, err = madeSuite(t, fileFlags{}, nil, nil)
	require.NoError(t, err)
	_, stdout, _, err := madeSuite(t, fileFlags{}, failed("a"))
	require.ErrorAs(t, err, new(failed))
	require.EqualError(t, err, "a")
	require.Empty(t, stdout, "one run is no suite")
}

// Where there can be no cages, each run would say the same.
func TestASuiteEndsWhereThereAreNoCages(t *testing.T) {
	junit := filepath.Join(t.TempDir(), "junit.xml")
	entries, _, _, err := madeSuite(t, fileFlags{junit: junit}, fmt.Errorf("%w: no cgroup v2", harness.ErrNotSupported), nil)
	require.ErrorIs(t, err, harness.ErrNotSupported)
	require.True(t, entries[1].skipped)
	require.Contains(t, mustRead(t, junit), `tests="2" failures="0" errors="1" skipped="1"`)
	_, _, _, err = madeSuite(t, fileFlags{junit: filepath.Join(t.TempDir(), "none", "junit.xml"), html: "/no/such/page.html"}, nil)
	require.ErrorContains(t, err, "write the JUnit file: ")
	require.ErrorContains(t, err, "write the page: ")
}

func TestARunThatMakesNoSenseKeepsTheSuiteFromBeginning(t *testing.T) {
	path := mustWriteSpec(t, "program: 'true'\nruns:\n  - name: good\n  - {name: bad, steps: 3}\n")
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitUsage, execute([]string{"run", path}, &stdout, &stderr))
	require.Contains(t, stderr.String(), path+":4: -steps has no step to count")
	require.Empty(t, stdout.String())
}

func TestOneRunIsReportedAsASuiteIs(t *testing.T) {
	dir := t.TempDir()
	junit, spec := filepath.Join(dir, "junit.xml"), filepath.Join(dir, "spec.yaml")
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitMachine, execute([]string{"run", "-max", "64M", "-junit", junit, "-save", spec, "/no/such/program"}, &stdout, &stderr))
	require.Contains(t, mustRead(t, junit), `<testcase name="run" classname="oomcage run"`)
	require.Contains(t, mustRead(t, spec), "\nprogram: [/no/such/program]\nmax: 64MiB\n")
	if harness.Supported() != nil {
		require.Contains(t, stderr.String(), "to help: oomcage vm -- oomcage run …")
	}
}

func TestTheSuiteOfTheDocumentationEndsAsItSays(t *testing.T) {
	needCages(t)
	app := harness.BuildT(t, "../../../app")
	spec := mustWriteSpec(t, mustRead(t, docsSuite))
	t.Chdir(t.TempDir())
	require.NoError(t, os.Symlink(app, "app"))
	var stdout, stderr bytes.Buffer
	require.Zero(t, execute([]string{"run", spec, "--junit", "junit.xml", "--html", "page.html", "--save", "saved.yaml"}, &stdout, &stderr), "%s%s", &stdout, &stderr)
	require.Contains(t, stdout.String(), "\n== is resized in time\n")
	require.Regexp(t, `\ndies at its limit +oom-killed +as expected\nlives below it +survived +as expected\nis resized in time +survived +as expected\nends by itself +exited +as expected\n$`, stdout.String())
	require.Contains(t, mustRead(t, "junit.xml"), `tests="4" failures="0" errors="0" skipped="0"`)
	require.Contains(t, mustRead(t, "page.html"), "<html")

	stdout.Reset()
	require.Equal(t, exitFailed, execute([]string{"run", "saved.yaml", "--only", "lives below it", "--expect", "oom-killed", "--junit", "junit.xml", "--json"}, &stdout, &stderr))
	o, err := outcome.ParseOutcome(stdout.Bytes())
	require.NoError(t, err)
	require.Equal(t, "lives below it", o.Name)
	require.Equal(t, 3, o.Acknowledged)
	require.Contains(t, mustRead(t, "junit.xml"), `<failure message="the verdict is survived, not oom-killed" type="survived">`)

	stdout.Reset()
	require.Zero(t, execute([]string{"bisect", "saved.yaml", "--only", "lives below it", "--lo", "16M", "--hi", "64M", "--tolerance", "16M", "--repeat", "1"}, &stdout, &stderr), "%s%s", &stdout, &stderr)
	require.Zero(t, execute([]string{"sweep", "saved.yaml", "--only", "lives below it", "--max", "48M,64M", "--steps", "2"}, &stdout, &stderr), "%s%s", &stdout, &stderr)
	require.Contains(t, mustRead(t, "results.jsonl"), "oomcage sweep --max 48M,64M ")
}

func TestAnEntrysContextIsTheCommands(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	e := entry{cmd: &cobra.Command{}}
	require.ErrorIs(t, e.execute(ctx, func(cmd *cobra.Command, _ []string) error {
		cancel()
		return cmd.Context().Err()
	}, new(front)), context.Canceled)
	require.Nil(t, frontOf(t.Context()))
	require.False(t, checking(t.Context()))
}

func TestNoFileOfTheUsersIsReplacedByAnother(t *testing.T) {
	dir := t.TempDir()
	spec, results := filepath.Join(dir, "spec.yaml"), mustStore(t, stored(t, "max=64MiB", harness.OOMKilled))
	require.NoError(t, os.WriteFile(spec, []byte("program: [/no/such/program]\nmax: 64M\n"), 0o600))
	before := mustRead(t, spec)
	for want, args := range map[string][]string{
		"it is a file of results":               {"run", "-junit", results, "/no/such/program"},
		"it is a file of results, which":        {"run", "-html", results, "/no/such/program"},
		"-junit and -html are the same file":    {"run", "-html", "x", "-junit", "x", "/no/such/program"},
		"it is the spec that is read, and":      {"run", spec, "-junit", spec},
		"it is the spec that is read, and woul": {"sweep", spec, "-save", spec},
		"it is there, and no regular file":      {"run", "-html", dir, "/no/such/program"},
		"sizes look like":                       {"sweep", "-max", "bogus", "-save", filepath.Join(dir, "new.yaml"), "/no/such/program"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, execute(args, &stdout, &stderr), args)
		require.Contains(t, stderr.String(), want)
	}
	require.Equal(t, before, mustRead(t, spec))
	require.NoFileExists(t, filepath.Join(dir, "new.yaml"), "what makes no sense is not saved")
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitMachine, execute([]string{"run", "-html", filepath.Join(dir, "page.html"), "/no/such/program"}, &stdout, &stderr), "without one outcome")
}
