//go:build linux

package main

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oomcage/harness"
	"oomcage/harness/outcome"
)

func TestAnExpectedEndMayBeOneOfSeveral(t *testing.T) {
	o := &harness.Outcome{
		Verdict: harness.Exited, Output: "loading\nE: no licence\nbye\n",
		Evidence: harness.Evidence{Ready: true, Status: outcome.ExitStatus{Ended: true, Code: 3}},
	}
	for _, c := range []struct{ verdict, output, want string }{
		{"exited", "", ""},
		{"oom-killed,exited=3", "", ""},
		{"oom-killed,exited=4", "", "the verdict is exited=3, not oom-killed or exited=4"},
		{"killed=SIGABRT", "", "the verdict is exited, not killed=SIGABRT"},
		{"", "^E: .* licence$", ""},
		{"", "bye\n\\z", ""},
		{"exited=3", "no licence", ""},
		{"exited=3", "^no licence", `the output that is kept does not match "^no licence"`},
		{"exited=2", "^no licence", "the verdict is exited=3, not exited=2"},
	} {
		e := expectFlags{verdict: c.verdict, output: c.output}
		require.NoError(t, e.check())
		assert.Equal(t, c.want, e.unexpected(o), "%s %s", c.verdict, c.output)
	}
}

func TestExpectationsThatCannotBeMetAreRefusedWithWhatWasMeant(t *testing.T) {
	for flag, want := range map[string][]string{
		"-expect oom_killed is no verdict":    {"--expect", "survived,oom_killed"},
		"-expect exited=300 is no code":       {"--expect", "exited=300"},
		"-expect killed=NOSIG is no signal":   {"--expect", "killed=NOSIG"},
		"-output has a parenthesis too few":   {"--output", "a)"},
		"-output has no end of what is to be": {"--output", "[a"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, execute(slices.Concat([]string{"run"}, want, []string{"p"}), &stdout, &stderr), flag)
		require.Regexp(t, `^oomcage run: -(expect|output) "`, stderr.String(), flag)
	}
	var stdout, stderr bytes.Buffer
	execute([]string{"run", "--expect", "survived,oom_killed", "p"}, &stdout, &stderr)
	require.Contains(t, stderr.String(), `-expect "oom_killed" is no verdict: did you mean oom-killed? take one of survived, `)
}

func TestARunIsComparedWithAListOfEndsAndWithItsOutput(t *testing.T) {
	needCages(t)
	app := harness.BuildT(t, "../../../app")
	quits := []string{"--", app, "-no-such-flag"} // exit code 2
	for _, c := range []struct {
		code  int
		flags []string
		said  string
	}{
		{0, []string{"--expect", "oom-killed,runtime-oom,exited=2"}, ""},
		{exitFailed, []string{"--expect", "exited=0,exited=3"}, "the verdict is exited=2, not exited=0 or exited=3"},
		{0, []string{"--expect", "exited", "--output", "^app: flag provided but not defined: -no-such-flag \\(.*\\)$"}, ""},
		{exitFailed, []string{"--output", "listening"}, `the output that is kept does not match "listening"`},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, c.code, execute(slices.Concat([]string{"run"}, c.flags, quits), &stdout, &stderr), "%q: %s%s", c.flags, &stdout, &stderr)
		require.Contains(t, stderr.String(), c.said)
	}
}

func TestALoadThatTheHarnessCouldNotMakeIsNotWhatWasExpected(t *testing.T) {
	o := &harness.Outcome{Verdict: harness.Inconclusive, Acknowledged: 7, Attempted: 7, Error: "a step could not be sent: too many open files"}
	o.Spec.Load.Name, o.Evidence.Ready, o.Evidence.Unsent = "GET /", true, "too many open files"
	require.Equal(t, "the load could not be made: too many open files", (&expectFlags{}).unexpected(o))
}
