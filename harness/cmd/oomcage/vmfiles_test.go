//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/vm"
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

// unreadable is a file that nobody can read, root neither.
func unreadable(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/sys/bus/*/drivers_probe")
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return found[0]
}

// The guest advised to add it, which failed then.
func TestAFileToBeReadInTheGuestIsLookedForBeforeItBoots(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, file := range []string{"there.yaml", "pod.yaml", "service", "web@.service"} {
		require.NoError(t, os.WriteFile(file, nil, 0o600))
	}
	require.NoError(t, os.Symlink(unreadable(t), "secret.yaml"))
	require.NoError(t, os.Symlink(unreadable(t), "secret"))
	denied := " cannot be read, so it cannot go along into the microVM: permission denied: give this user the right to read it"
	for args, expected := range map[string]string{
		"run nosuch.yaml":                                    "nosuch.yaml is not here: name a file of this machine, from the working directory on",
		"bisect there.yaml nosuch.json":                      "nosuch.json is not here: name a file of this machine, from the working directory on",
		"sweep --from nosuch.yaml:app -- ./service":          "nosuch.yaml is not here: name a file of this machine, from the working directory on",
		"run --max 64M --from nosuch.service -- ./service":   "nosuch.service is not here: name a file of this machine, from the working directory on",
		"run --max 64M --stdin nosuch ./service":             "nosuch is not here: name a file of this machine, from the working directory on",
		"run --max 64M --ca nosuch.pem --get / -- ./service": "nosuch.pem is not here: name a file of this machine, from the working directory on",
		"run secret.yaml":                                    "secret.yaml" + denied,
		"run --max 64M -- ./secret":                          "./secret" + denied,
	} {
		err := ofOomcage(&vm.Options{Program: "oomcage", Args: strings.Fields(args)})
		require.EqualError(t, err, expected, args)
		require.ErrorAs(t, err, &usageError{})
	}
	for _, args := range []string{
		"run there.yaml", "run --from pod.yaml:app -- ./service", "run --from pod.yaml ./service", "run -- ./service nosuch.yaml", "report nosuch.yaml",
		"run --from web@1.service -- ./service", "run --from ./web@1.service -- ./service", // whose template goes along
	} {
		require.NoError(t, ofOomcage(&vm.Options{Program: "oomcage", Args: strings.Fields(args)}), args)
	}
	require.NoError(t, checkInputs(vm.Options{Args: []string{"run", "/etc/nosuch.yaml"}, Add: []string{"there.yaml:/etc/nosuch.yaml"}}))
}
