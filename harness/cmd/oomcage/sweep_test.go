//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// What -o names by mistake is a fault of the command line, is said before anything runs, and is left as it is.
func TestASweepGoesOnWithNoFileThatIsNoneOfItsOwn(t *testing.T) {
	settings := filepath.Join(t.TempDir(), "settings.json")
	for text, want := range map[string]string{
		`{"editor": {"tabSize": 4}}`: `settings.json:1: no outcome: it has no "verdict"; it may be no file of results, and nothing was changed`,
		`{"format":99,"name":"max=64MiB","verdict":"exited","evidence":{"status":{"ended":true}}}` + "\n": fmt.Sprintf("settings.json:1: made by a newer oomcage (format 99; this one reads %d): install that one, and nothing was changed", outcome.Format),
	} {
		require.NoError(t, os.WriteFile(settings, []byte(text), 0o600))
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, execute([]string{"sweep", "-resume", "-o", settings, "--max", "64MiB", "--", "true"}, &stdout, &stderr))
		require.Contains(t, stderr.String(), want)
		require.NotContains(t, stderr.String(), "remove")
		require.NotContains(t, stderr.String(), "repair")
		require.Equal(t, text, mustRead(t, settings))
	}
	for _, out := range []string{t.TempDir(), os.DevNull} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, execute([]string{"sweep", "-resume", "-o", out, "--max", "64MiB", "--", "true"}, &stdout, &stderr))
		require.Contains(t, stderr.String(), "results are kept in a regular file")
	}
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitUsage, execute([]string{"sweep", "-rebuilt", "--max", "64MiB", "--", "true"}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "-resume")
}

func TestAllShardsOfASweepKeepOneCommand(t *testing.T) {
	kept := func(args ...string) []string {
		cmd := newSweepCommand()
		require.NoError(t, cmd.ParseFlags(args))
		return wholeCommand("sweep", cmd.Flags(), cmd.Flags().Args())
	}
	want := []string{"oomcage", "sweep", "--max", "1MiB,2MiB", "--axis", "a=1", "--axis", "b=-o 2", "--force", "--", "./app", "-o", "x", "--shard=1"}
	program := []string{"--", "./app", "-o", "x", "--shard=1"}
	require.Equal(t, want, kept(append([]string{"--max", "1MiB,2MiB", "--axis", "a=1", "--axis=b=-o 2", "--force"}, program...)...))
	require.Equal(t, append([]string{"oomcage", "sweep", "--oom-group=false", "--no-thp"}, program...),
		kept(append([]string{"--oom-group=false", "--no-thp=true"}, program...)...), "false alone would be the program")
	require.Equal(t, want, kept(append([]string{"--shard=1/4", "--max=1MiB,2MiB", "-o", "1.jsonl", "--axis", "a=1", "--axis=b=-o 2", "--resume", "--rebuilt", "--force"}, program...)...))
}
