//go:build linux

package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oomcage/harness"
	"oomcage/harness/outcome"
)

func TestAStopThatMakesNoSenseIsNoCommandLine(t *testing.T) {
	for args, want := range map[string]string{
		"-get / -stop TREM,5s":              "did you mean SIGTERM?",
		"-get / -stop TERM,5":               "write it as TERM,5s",
		"-get / -stop TERM,1m":              "-stop has a grace of 1m0s, and the whole run has 1m0s: give -timeout more",
		"-get / -timeout 10s -stop TERM":    "-stop has a grace of 10s, and the whole run has 10s",
		"-stop TERM,5s":                     "as soon as it is started: say by -ready what is waited for",
		"-get / -expect stopped":            "-expect stopped is of a target that is asked to end: say how by -stop",
		"-get / -expect exited,stopped=143": "say how by -stop",
	} {
		for _, command := range []string{"run", "sweep", "bisect"} {
			if command != "run" && strings.Contains(args, "-expect") {
				continue
			}
			words := append([]string{command}, strings.Fields(args)...)
			if strings.Contains(args, "-get") {
				words = append(words, "-steps", "1")
			}
			var stdout, stderr bytes.Buffer
			require.Equal(t, exitUsage, execute(append(words, "p"), &stdout, &stderr), "%s %s", command, args)
			assert.Contains(t, stderr.String(), want, command)
		}
	}
}

func TestAServiceIsAskedToEndBehindItsLoad(t *testing.T) {
	needCages(t)
	app := harness.BuildT(t, "../../../app")
	load := []string{"run", "--max", "64M", "--post", "/generate-load/memory?bytes=8388608", "--steps", "2", "--stop", "TERM,20s"}
	target := []string{"--", app, "-addr", "$ADDR"}
	var stdout, stderr bytes.Buffer
	require.Zero(t, execute(slices.Concat(load, []string{"--expect", "stopped"}, target), &stdout, &stderr), "%s%s", &stdout, &stderr)
	require.Regexp(t, "\nsurvived: alive when the load ended: .*, after step 2; SIGTERM made it end in .* with exit code 0", stdout.String())
	require.Regexp(t, `\n  stopped    SIGTERM,20s after the load; SIGTERM made it end in `, stdout.String())

	stdout.Reset()
	require.Equal(t, exitFailed, execute(slices.Concat(load, []string{"--json", "--expect", "stopped=143,oom-killed"}, target), &stdout, &stderr), "%s%s", &stdout, &stderr)
	require.Regexp(t, "the verdict is survived, and SIGTERM made it end in .* with exit code 0, not stopped=143 or oom-killed", stderr.String())
	o, err := outcome.ParseOutcome(stdout.Bytes())
	require.NoError(t, err)
	require.Equal(t, "SIGTERM", o.Spec.Stop.Signal)
	require.True(t, o.Evidence.Stop.Ended)
}
