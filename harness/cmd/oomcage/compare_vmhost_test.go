//go:build vmhost

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// more is what a build of the README's service takes more than the other one.
const more = `package main

var more = func() []byte {
	b := make([]byte, 3<<20)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}()
`

// The README's service, seven times five runs of it at two limits, and five of a build that takes 3 MiB more. Its peak of 60 MiB
// is a huge page more or less from run to run. Latencies are left out: they are the machine's too.
func TestThreeMiBMoreAreFoundInMicroVMsAndEqualBuildsAreQuiet(t *testing.T) {
	const sweeps, gates = 7, "verdict, limit, peak, steps, filled"
	dir := t.TempDir()
	command, service := filepath.Join(dir, "oomcage"), readmesService(t)
	addition := filepath.Join(filepath.Dir(service), "more.go")
	require.NoError(t, os.WriteFile(addition, []byte(more), 0o600))
	mustBuild(t, command, ".")
	mustBuild(t, filepath.Join(dir, "base"), service)
	mustBuild(t, filepath.Join(dir, "head"), service, addition)
	script := "set -e\n"
	sweep := func(build, out string) {
		script += fmt.Sprintf("oomcage sweep --max 64MiB,96MiB --post /upload --steps 7 --repeat 5 -o %s -- ./%s -addr '$ADDR' || [ $? -eq 1 ]\n", out, build)
	}
	for i := range sweeps {
		sweep("base", fmt.Sprintf("base%d.jsonl", i))
	}
	sweep("head", "head.jsonl")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "sweeps"), []byte(script), 0o600))
	cmd := exec.CommandContext(t.Context(), command, "vm", "-add", command+":/usr/local/bin/oomcage", "-add", "base", "-add", "head", "--", "sh", "sweeps")
	cmd.Dir = dir
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)

	file := func(name string) string { return filepath.Join(dir, name+".jsonl") }
	quiet := 0
	for i := range sweeps {
		for j := range i {
			if execute([]string{"compare", "--fail-on", gates, file(fmt.Sprint("base", j)), file(fmt.Sprint("base", i))}, io.Discard, io.Discard) == 0 {
				quiet++
			}
		}
		text, _ := mustCompare(t, exitFailed, "--fail-on", gates, file(fmt.Sprint("base", i)), file("head"))
		require.Equal(t, 2, strings.Count(text, "FAIL  peak: max="), text)
	}
	// Of 1,000 comparisons of equal builds 3 may find a change: see docs/compare.md. A sweep that is odd by chance is in 6 of these 21, so
	// they do not come alone: of 20,000 times seven sweeps drawn from 40 real runs on 7.3 (2026-11) 47 had two or more of them, and none 5.
	require.GreaterOrEqual(t, quiet, 15, "of 21")
}
