//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/internal/human"
)

func TestTheFilesThatOomcageWritesAreKnownByItsFlags(t *testing.T) {
	require.ElementsMatch(t, []outputFlag{{"--save", "nw.yaml"}, {"--html", "p.html"}, {"--junit", "j.xml"}},
		outputsOf([]string{"run", "--save", "nw.yaml", "--html", "p.html", "--junit=j.xml", "--", "./app", "-o", "not-ours"}))
	require.Equal(t, []outputFlag{{"-o", "nw.jsonl"}}, outputsOf([]string{"bisect", "-o", "nw.jsonl", "--", "./app"}))
	require.Equal(t, []outputFlag{{"-o", "results.jsonl"}}, outputsOf([]string{"sweep", "-max", "64MiB", "--", "./app"}))
	require.Equal(t, []outputFlag{{"-o", "w.jsonl"}}, outputsOf([]string{"watch", "-o", "w.jsonl", "--pid", "1"}))
	require.Equal(t, []outputFlag{{"-o", "page.html"}}, outputsOf([]string{"report", "-o", "page.html", "results.jsonl"}))
	require.Empty(t, outputsOf([]string{"run", "--output", "a regular expression", "./app"}))
	require.Empty(t, outputsOf([]string{"no such command"}))
}

// The whole run was lost: minutes later its results could not be written.
func TestAFileThatCannotBeWrittenIsRefusedBeforeAGuestBoots(t *testing.T) {
	t.Chdir("/sys/kernel") // nobody can make a file here, root neither
	exe, err := filepath.Abs("/proc/self/exe")
	require.NoError(t, err)
	for file, args := range map[string][]string{
		"nw.jsonl":      {"bisect", "--steps", "6", "-o", "nw.jsonl", "--", exe},
		"results.jsonl": {"sweep", "--max", "64M", "--", exe},
		"nw.yaml":       {"run", "--save", "nw.yaml", "--", exe},
		"new/page.html": {"run", "--html", "new/page.html", "--", exe},
		"j.xml":         {"run", "--junit", "j.xml", "--", exe},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, execute(append([]string{"vm", "--", "oomcage"}, args...), &stdout, &stderr), "%q: %s", args, &stderr)
		require.Contains(t, stderr.String(), file+" cannot be written: permission denied: name a path elsewhere (-")
		require.Contains(t, stderr.String(), " FILE), or cd to a folder that you may write to")
	}
	there := filepath.Join(t.TempDir(), "there.jsonl")
	require.NoError(t, os.WriteFile(there, nil, 0o600))
	require.NoError(t, checkOutputs([]outputFlag{{"-o", there}, {"-o", "/dev/null"}}, []string{there}))
	// /proc/self/comm is a file that can be written, in a folder where none can be made.
	require.NoError(t, checkOutputs([]outputFlag{{"-o", "/proc/self/comm"}}, []string{"/proc/self/comm"}))
	require.Error(t, checkOutputs([]outputFlag{{"--html", "/proc/self/comm"}}, nil))
}

// QEMU took it, and nothing was heard of the guest for minutes.
func TestAGuestWithMoreMemoryThanThisMachineHasIsRefused(t *testing.T) {
	var info unix.Sysinfo_t
	require.NoError(t, unix.Sysinfo(&info))
	has := int64(info.Totalram) * int64(info.Unit)
	t.Setenv("OOMCAGE_KERNEL", "/nosuch") // nothing is booted here
	run := func(mem string) (int, string) {
		var stdout, stderr bytes.Buffer
		code := execute([]string{"vm", "-mem", mem, "/proc/self/exe"}, &stdout, &stderr)
		return code, stderr.String()
	}
	code, said := run("999GiB")
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, "oomcage vm: -mem 999.0 GiB is more than this machine has, which is "+human.Size(has)+"\n")
	require.Contains(t, said, fmt.Sprintf("to help: a guest takes its memory of this machine's: -mem %dMiB, for example\n", has/2>>20))
	_, said = run(strconv.FormatInt(has, 10))
	require.NotContains(t, said, "than this machine has")
}
