//go:build linux

package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"oomcage/harness"
)

func TestTheHelpOfEachCommandListsItsExitCodes(t *testing.T) {
	for _, cmd := range newRootCommand(&bytes.Buffer{}, &bytes.Buffer{}).Commands() {
		if cmd.Runnable() && cmd.Name() != "help" && cmd.Name() != "completion" {
			require.NotEmpty(t, exitCodes[cmd.Name()], cmd.Name())
		}
	}
	for name, codes := range exitCodes {
		var stdout, stderr bytes.Buffer
		require.Zero(t, execute([]string{name, "-h"}, &stdout, &stderr))
		_, list, found := strings.Cut(stdout.String(), "\nExit codes:\n")
		require.True(t, found, name)
		require.NotContains(t, list, "Exit codes")
		for _, c := range codes {
			label := map[int]string{exitSignal: "128+n", exitProgram: "other"}[c.code]
			if label == "" {
				label = fmt.Sprint(c.code)
			}
			first, _, _ := strings.Cut(c.when, "\n")
			require.Contains(t, list, fmt.Sprintf("  %-6s %s\n", label, first), name)
		}
		for line := range strings.Lines(list[:strings.Index(list, "\n\n")]) {
			require.LessOrEqual(t, len([]rune(line)), 121, line)
		}
	}
}

// Those that take no cage. TestRunsEndWithTheirCodes has those that do.
func TestCommandsEndWithTheCodesOfTheTable(t *testing.T) {
	good := mustStore(t, stored(t, "max=64MiB", harness.OOMKilled), "")
	differs := mustStore(t, stored(t, "max=64MiB", harness.Killed), "")
	found := mustStore(t, strings.Replace(stored(t, "max=64MiB", harness.OOMKilled), `"evidence"`, `"predicted":{"lo":7,"hi":8},"evidence"`, 1), "")
	none := filepath.Join(t.TempDir(), "none")
	for _, c := range []struct {
		code int
		args []string
	}{
		{0, []string{"judge", good}},
		{exitFailed, []string{"judge", differs}},
		{exitUsage, []string{"judge", none}},
		{exitUsage, []string{"judge"}},
		{0, []string{"explain", good}},
		{exitUsage, []string{"explain", none}},
		{exitUsage, []string{"explain"}},
		{0, []string{"report", good}},
		{exitFailed, []string{"report", found}},
		{exitUsage, []string{"report", none}},
		{exitMachine, []string{"report", good, "-o", filepath.Join(none, "report.html")}},
		{0, []string{"compare", good, differs}},
		{exitFailed, []string{"compare", "--fail-on", "verdict", good, differs}},
		{exitUsage, []string{"compare", good}},
		{exitUsage, []string{"compare", good, none}},
		{exitUsage, []string{"compare", "--fail-on", "rss", good, differs}},
		{exitMachine, []string{"compare", good, differs, "-o", filepath.Join(none, "report.html")}},
		{exitUsage, []string{"run"}},
		{exitUsage, []string{"sweep"}},
		{exitUsage, []string{"bisect"}},
		{exitUsage, []string{"demo", "x"}},
		{exitUsage, []string{"vm"}},
		{exitMachine, []string{"vm", none}},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, c.code, execute(c.args, &stdout, &stderr), "%q: %s", c.args, &stderr)
	}
	require.Equal(t, exitSignal+2, exitStatus(&cobra.Command{}, signalError{syscall.SIGINT}, &bytes.Buffer{}))
}

func TestRunsEndWithTheirCodes(t *testing.T) {
	needCages(t)
	app := harness.BuildT(t, "../../../app")
	quits := []string{"--", app, "-no-such-flag"} // ends with 2 before it listens
	serves := []string{"--", app, "-addr", "$ADDR"}
	const take = "/generate-load/memory?bytes=8388608"
	for _, c := range []struct {
		code int
		args []string
		then []string
	}{
		{0, []string{"run"}, quits},
		{exitFailed, []string{"run", "--ready", "tcp"}, quits},
		{exitFailed, []string{"run", "--post", take}, quits},
		{exitFailed, []string{"run", "--post", take, "--expect", "survived"}, quits},
		{0, []string{"run", "--post", take, "--expect", "exited"}, quits},
		{0, []string{"run", "--post", take, "--acked", "0"}, quits},
		{0, []string{"run", "--max", "32MiB", "--post", take}, serves},
		{0, []string{"run", "--post", take, "--steps", "1"}, serves},
		{exitFailed, []string{"run", "--post", "/typo"}, serves},
		{exitFailed, []string{"run", "--post", take, "--steps", "1", "--expect", "oom-killed"}, serves},
		{exitMachine, []string{"run"}, []string{"/no/such/program"}},
		{exitMachine, []string{"bisect", "--lo", "16MiB", "--hi", "32MiB", "--tolerance", "16MiB", "--repeat", "1"}, quits},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, c.code, execute(append(c.args, c.then...), &stdout, &stderr), "%q: %s%s", c.args, &stdout, &stderr)
		if c.args[0] == "bisect" {
			require.Contains(t, stderr.String(), "  | app: flag provided but not defined: -no-such-flag")
		}
	}
}
