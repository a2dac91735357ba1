//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness"
	"oomcage/harness/outcome"
)

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
        - name: app
          resources:
            requests: {cpu: 100m, memory: 1Gi}
            limits: {cpu: 500m, memory: 2Gi}
`

func mustManifest(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// specOf is what the flags of a command make.
func specOf(t *testing.T, args ...string) outcome.Spec {
	t.Helper()
	path := filepath.Join(t.TempDir(), "spec.yaml")
	var stdout, stderr bytes.Buffer
	execute(append(append([]string{"run", "--save", path}, args...), "--", "true"), &stdout, &stderr)
	require.FileExists(t, path, stderr.String())
	runs, err := readSpecFile(path)
	require.NoError(t, err)
	cmd, what, limits := newSpecCommand("run"), specFlags{}, limitFlags{}
	cmd.ResetFlags()
	limits.register(cmd, true)
	what.register(cmd)
	require.NoError(t, runs[0].apply(cmd))
	spec, err := what.one(t.Context(), limits, 0, []string{"true"})
	require.NoError(t, err)
	return spec.Data()
}

func TestAManifestGivesTheLimitsAndFlagsGoBeforeIt(t *testing.T) {
	from := "--from=" + mustManifest(t, "pod.yaml", deployment) + ":app"
	s := specOf(t, from, "--node=memory=16GiB")
	require.Equal(t, harness.Limits{Max: 2 * harness.GiB, OOMGroup: true}, s.Limits)
	require.Equal(t, 938, *s.Target.OOMScoreAdj)

	s = specOf(t, from, "--node", "memory=16GiB", "--node=swap=8GiB", "--node=swapBehavior=LimitedSwap", "--node=memoryThrottlingFactor=0.5")
	require.Equal(t, harness.Limits{Max: 2 * harness.GiB, Min: harness.GiB, High: 1536 * harness.MiB, Swap: 512 * harness.MiB, OOMGroup: true}, s.Limits)
	s = specOf(t, from, "--node", "memory=16GiB", "--node=swap=8GiB", "--node=swapBehavior=LimitedSwap", "--node=memoryThrottlingFactor=0.5",
		"--max=64M", "--high=max", "--low=1M", "--min=0", "--swap=0", "--oom-group=false", "--oom-score-adj=7")
	require.Equal(t, harness.Limits{Max: 64 * harness.MiB, High: harness.Unlimited, Low: harness.MiB}, s.Limits)
	require.Equal(t, 7, *s.Target.OOMScoreAdj)
	require.False(t, specOf(t, from, "--node=singleProcessOOMKill=true").Limits.OOMGroup)

	unit := "--from=" + mustManifest(t, "a.service", "[Service]\nMemoryMax=50%\nTasksMax=9\n")
	s = specOf(t, unit, "--node=memory=1GiB", "--file=pids.max=7")
	require.Equal(t, harness.Limits{Max: 512 * harness.MiB, Swap: harness.Unlimited, Files: map[string]string{"pids.max": "7"}}, s.Limits)
}

func TestWhatAManifestLosesIsSaidOnce(t *testing.T) {
	path := mustManifest(t, "pod.yaml", deployment)
	said := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		execute(args, &stdout, &stderr)
		require.NotContains(t, stdout.String(), "not taken over")
		return stderr.String()
	}
	first := ": from " + path + " (Deployment/web/app, Burstable): "
	for _, args := range [][]string{
		{"run", "--from", path, "--node=memory=16GiB", "--", "true"},
		{"sweep", "-o", filepath.Join(t.TempDir(), "r.jsonl"), "--max", "3GiB,4GiB", "--from", path, "--node=memory=16GiB", "--", "true"},
		{"bisect", "--hi", "1GiB", "--from", path, "--node=memory=16GiB", "--", "true"},
	} {
		text := said(args...)
		max := map[string]string{"run": "memory.max 2147483648, ", "sweep": "memory.max 2147483648, ", "bisect": ""}[args[0]]
		require.Contains(t, text, "oomcage "+args[0]+first+max+"memory.swap.max 0, memory.oom.group 1, oom_score_adj 938\n")
		require.Equal(t, 1, strings.Count(text, "not taken over: its CPU time is limited to 0.5 CPUs\n"), text)
	}
	suite := mustWriteSpec(t, "program: 'true'\nfrom: "+path+"\nruns: [{name: a}, {name: b}]\n")
	require.Equal(t, 1, strings.Count(said("run", suite), "not taken over: its CPU time"))
}

func TestAManifestThatCannotBeTakenIsRefused(t *testing.T) {
	path := mustManifest(t, "pod.yaml", deployment)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--from", "/no/such.yaml:app"}, "-from: read the manifest: open /no/such.yaml: no such file or directory"},
		{[]string{"--from", path + ":ap"}, `no container is called "ap": did you mean app? it has Deployment/web/app`},
		{[]string{"--from", path + ":" + hostile}, "no such file or directory"},
		{[]string{"--from", mustManifest(t, "x.yaml", hostile)}, "x.yaml: it is no YAML"},
		{[]string{"--from", path, "--node", "memory"}, `-node "memory" is not NAME=VALUE: it looks like memory=16GiB`},
		{[]string{"--from", path, "--node", "memroy=1GiB"}, `-node "memroy=1GiB": did you mean memory? the names are allocatable, memory, memoryThrottlingFactor, `},
		{[]string{"--from", path, "--node", "memory=0"}, "the node has no memory"},
		{[]string{"--from", path, "--node", "memory=many"}, `-node "memory=many": parse the size "many"`},
		{[]string{"--from", path, "--node", "swapBehavior=UnlimitedSwap"}, "it is LimitedSwap or NoSwap"},
		{[]string{"--from", path, "--node", "memoryThrottlingFactor=2"}, "memoryThrottlingFactor is 2: it is above 0, and 1 at most"},
		{[]string{"--from", path, "--node", "singleProcessOOMKill=maybe"}, "it is true or false"},
		{[]string{"--node", "memory=1GiB"}, "-node says for which machine -from is meant, and there is none"},
		{[]string{"--oom-score-adj", "1001"}, "1001"},
	} {
		for _, command := range []string{"run", "sweep", "bisect"} {
			var stdout, stderr bytes.Buffer
			args := append(append([]string{command}, c.args...), "--", "true")
			require.Equal(t, exitUsage, execute(args, &stdout, &stderr), "%q %s", args, &stderr)
			require.Contains(t, stderr.String(), c.want)
			require.NotRegexp(t, `(?m)^oomcage: forged`, stderr.String())
		}
	}
}

// How low a process may go is the kernel's word.
func TestATargetKeepsItsOOMScoreAdjWhereItMayNotBeLowered(t *testing.T) {
	for _, c := range []struct{ adj, inherited, lowest, want int }{
		{-997, 0, -1000, -997},
		{-997, 0, 0, 0},
		{-997, 100, 100, 100},
		{-997, 100, 0, 0}, // the kernel lets it go back to what root set
		{50, 100, 100, 100},
		{50, 100, 0, 50},
		{938, 100, 100, 938},
		{-500, -1000, -1000, -500},
		{-1000, -500, -500, 0}, // raised, as without a manifest
	} {
		require.Equal(t, c.want, adjOf(c.adj, c.inherited, func(adj int) bool { return adj >= c.lowest }), "%+v", c)
	}
}

func TestTheMicroVMIsNotTheMachineThatAManifestIsMeantFor(t *testing.T) {
	said := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		execute(append(append([]string{"run"}, args...), "--", "true"), &stdout, &stderr)
		return stderr.String()
	}
	unit, pod := "--from="+mustManifest(t, "a.service", "[Service]\nMemoryMax=50%\n"), "--from="+mustManifest(t, "pod.yaml", deployment)
	t.Setenv("OOMCAGE_VM", "6.1")
	require.Contains(t, said(unit), "MemoryMax=50%: a share is of the machine's memory, and this is a microVM: say how much the machine has that is meant; give -node memory=64GiB")
	require.Contains(t, said(unit, "--node=memory=1GiB"), "memory.max 536870912")
	require.Contains(t, said(pod), "not taken over: the node: shares are of the microVM's memory, ")
	require.NotContains(t, said(pod, "--node=memory=16GiB"), "the microVM's memory")
}

func TestLimitsThatFollowFromAMaxStayTheFilesWhereAFlagGivesAnother(t *testing.T) {
	said := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		execute(append(args, "--", "true"), &stdout, &stderr)
		return stderr.String()
	}
	const stay = "memory.swap.max and memory.high stay those of the file's"
	compose := "--from=" + mustManifest(t, "compose.yaml", "services: {web: {image: x, mem_limit: 64m}}\n")
	require.NotContains(t, said("run", compose), stay)
	require.Contains(t, said("run", compose, "--max=128M"), stay)
	require.Contains(t, said("bisect", compose, "--lo=32M", "--hi=64M"), stay)
	unit := "--from=" + mustManifest(t, "a.service", "[Service]\nMemoryMax=64M\nMemorySwapMax=1M\n")
	require.NotContains(t, said("run", unit, "--max=128M"), stay, "there each is for itself")
}
