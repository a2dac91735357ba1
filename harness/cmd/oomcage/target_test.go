//go:build linux

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestATargetThatCannotBeStartedSoIsRefused(t *testing.T) {
	for args, want := range map[string]string{
		"-user no-such-user":      `Target.User: there is no user "no-such-user" here (getent passwd lists them)`,
		"-user 1:x":               `Target.User: "x" is no number of a user or a group`,
		"-stdin /no/such":         "Target.Stdin: stat /no/such: no such file or directory",
		"-stdin /dev":             "Target.Stdin: /dev is a folder",
		"-until-empty -restart 1": "UntilEmpty and Target.Restart are for different programs",
	} {
		for _, command := range []string{"run", "sweep", "bisect"} {
			var stdout, stderr bytes.Buffer
			require.Equal(t, exitUsage, execute(append(append([]string{command}, strings.Fields(args)...), "p"), &stdout, &stderr), "%s %s", command, args)
			assert.Contains(t, stderr.String(), want)
		}
	}
}

func TestWhoTheTargetIsAndWhatItReadsIsInTheSpec(t *testing.T) {
	cmd, what := &cobra.Command{}, specFlags{}
	what.register(cmd)
	require.NoError(t, cmd.ParseFlags([]string{"--user", "4242:4343", "--stdin", "words", "--until-empty"}))
	spec, _, err := what.spec(t.Context(), []string{"p"})
	require.NoError(t, err)
	require.Equal(t, "4242:4343", spec.Target.User)
	require.Equal(t, "words", spec.Target.Stdin)
	require.True(t, spec.Load.UntilEmpty)
}
