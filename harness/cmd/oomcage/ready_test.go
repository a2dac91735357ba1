//go:build linux

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oomcage/harness"
)

func TestWhatATargetIsReadyByHasANameInResults(t *testing.T) {
	for given, want := range map[string]string{
		"tcp":                     "TCP",
		"/ping":                   "GET /ping",
		"/tcp:1":                  "GET /tcp:1",
		"/ping 204":               "GET /ping 204",
		"/ping 200 pong":          "GET /ping 200 pong",
		"unix:/run/x.sock":        "unix:/run/x.sock",
		"output:^ready: \\d+$":    "output:^ready: \\d+$",
		"exec:/proc/self/exe  -h": "exec:/proc/self/exe -h",
	} {
		cmd, what := &cobra.Command{}, specFlags{}
		what.register(cmd)
		require.NoError(t, cmd.ParseFlags([]string{"--ready", given, "--ready-timeout", "5s"}), given)
		spec, _, err := what.spec(t.Context(), []string{"p"})
		require.NoError(t, err)
		assert.Equal(t, want, spec.Target.ReadyName)
		assert.Equal(t, "5s", spec.Target.ReadyTimeout.String())
		assert.NotNil(t, what.code().Ready)
	}
}

func TestWhatNoTargetCanBeReadyByIsRefused(t *testing.T) {
	const forms = "tcp, unix:PATH, output:REGEX or exec:COMMAND"
	for given, want := range map[string]string{
		"ping":                `it does not begin with a slash: write "/ping", ` + forms,
		"TCP":                 "did you mean tcp? write a path such as /ping, " + forms,
		"outptu:x":            "did you mean output? write a path such as /ping, " + forms,
		"http://localhost/up": "it takes the path alone, as the target is at $ADDR: write /…, " + forms,
		"grpc:x":              `there is no probe "grpc": write a path such as /ping, ` + forms,
		"unix:":               "there is nothing behind the colon: write a path such as /ping, " + forms,
		"output:[":            "missing closing ]",
		"exec:no-such-prog":   "not found in $PATH",
		"exec:'a":             "Unterminated",
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, execute([]string{"run", "--ready", given, "p"}, &stdout, &stderr), given)
		assert.Contains(t, stderr.String(), want, given)
	}
	for args, want := range map[string]string{
		"-ready tcp -ready-timeout -1s": "-ready-timeout is -1s: it must not be negative",
		"-ready tcp -ready-timeout 2m":  "-ready-timeout is 2m0s, and the whole run has 1m0s: give -timeout more",
		"-ready-timeout 5s":             "-ready-timeout has nothing to limit: say by -ready",
	} {
		for _, command := range []string{"run", "sweep", "bisect"} {
			var stdout, stderr bytes.Buffer
			require.Equal(t, exitUsage, execute(append(append([]string{command}, strings.Fields(args)...), "p"), &stdout, &stderr), args)
			assert.Contains(t, stderr.String(), want)
		}
	}
}

func TestTheFormsOfReadyAreThoseOfTheHelp(t *testing.T) {
	for _, form := range readyForms {
		require.Contains(t, runLong, form)
	}
}

func TestARunWaitsForWhatItsTargetPrints(t *testing.T) {
	needCages(t)
	app := harness.BuildT(t, "../../../app")
	for ready, load := range map[string][]string{
		"output:listening on http://127": {"--get", "/ping"},
		"/ping pong":                     {"--get", "/ping"},
		"exec:" + app + " -h":            {"--exec", app + " -h"}, // which does not tell that it listens
	} {
		var stdout, stderr bytes.Buffer
		args := append([]string{"run", "--ready", ready, "--ready-timeout", "30s", "--steps", "2", "--expect", "survived"}, load...)
		require.Zero(t, execute(append(args, "--", app, "-addr", "$ADDR"), &stdout, &stderr), "%s: %s%s", ready, &stdout, &stderr)
	}
	var stdout, stderr bytes.Buffer
	args := []string{"run", "--ready", "output:^never$", "--ready-timeout", "5s", "--get", "/ping", "--", app, "-addr", "$ADDR"}
	require.Equal(t, exitFailed, execute(args, &stdout, &stderr), "%s%s", &stdout, &stderr)
	require.Contains(t, stderr.String(), "nothing was loaded: the target was not ready: wait until app is ready: it was not ready within 5s; before that: no line of its output matches \"^never$\"")
	require.Contains(t, stdout.String(), "timed-out: alive when the time was up, never ready")
}
