//go:build vmhost

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness"
	"oomcage/harness/report"
	"oomcage/harness/sweep"
)

// Four machines that know nothing of each other, each with a shard, find what one finds with all points.
func TestFourMicroVMsSweepWhatOneDoes(t *testing.T) {
	dir := t.TempDir() // what is written into it comes back from the guest
	build := func(pkg string) string {
		path := filepath.Join(dir, filepath.Base(pkg))
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return path
	}
	command, app := build("../oomcage"), build("../../../app")
	results := t.TempDir()
	swept := func(name string, flags ...string) []*harness.Outcome {
		args := append([]string{"vm", "-add", app, "--", command, "sweep", "-o", name,
			"--max", "32MiB..64MiB+16MiB", "--step", "8MiB,16MiB", "--post", "/generate-load/memory?bytes=$step"}, flags...)
		cmd := exec.CommandContext(t.Context(), command, append(args, "--", app, "-addr", "$ADDR")...)
		cmd.Dir = results
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		require.NoError(t, cmd.Run(), "%s", &out)
		outcomes, err := sweep.Read(filepath.Join(results, name))
		require.NoError(t, err)
		return outcomes
	}
	whole := swept("whole.jsonl")
	require.Len(t, whole, 6)
	var shards []string
	for i := range 4 {
		shards = append(shards, filepath.Join(results, fmt.Sprintf("shard-%d.jsonl", i)))
		swept(filepath.Base(shards[i]), "--shard", fmt.Sprintf("%d/4", i))
	}

	merged, err := report.Read(report.HTML, shards...)
	require.NoError(t, err)
	require.NoError(t, merged.Complete())
	require.Empty(t, merged.Findings)
	require.Len(t, merged.Outcomes, len(whole))
	of := map[string]*harness.Outcome{}
	for _, o := range whole {
		of[o.Name] = o
	}
	for _, o := range merged.Outcomes {
		one := of[o.Name]
		require.NotNil(t, one, o.Name)
		require.Equal(t, one.Verdict, o.Verdict, o.Name)
		require.True(t, one.Predicted.Contains(o.Acknowledged), "%s: %d steps, and %d of %s in one machine", o.Name, o.Acknowledged, one.Acknowledged, one.Predicted)
		require.Equal(t, one.Spec.Limits, o.Spec.Limits)
		require.Equal(t, 6, o.Origin.Points)
	}

	missing, err := report.Read(report.HTML, shards[1:]...)
	require.NoError(t, err)
	require.ErrorContains(t, missing.Complete(), "6 points were to be run, and 2 are missing")
	_, err = report.Read(report.HTML, append(shards, shards[0])...)
	require.ErrorContains(t, err, shards[0])
}
