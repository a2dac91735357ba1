//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/vm"
)

// A guest booted for a minute to say that the service had not been built.
func TestAServiceThatWasNotBuiltIsMissedBeforeAGuestBoots(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("service", nil, 0o700))
	require.NoError(t, os.Mkdir("app", 0o700))
	for _, words := range [][]string{
		{"bisect", "--post", "/notes", "--steps", "6", "--", "./nosuch", "-addr", "$ADDR"},
		{"sweep", "-max", "64MiB", "./nosuch"},
		{"run", "--max", "64M", "./nosuch"},
	} {
		err := missingTarget(vm.Options{Args: words})
		require.EqualError(t, err, "./nosuch is not here: build it first (go build -o nosuch …)", words)
		require.ErrorAs(t, err, &usageError{})
	}
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	require.NoError(t, os.WriteFile(filepath.Join(bin, "sort"), nil, 0o700))
	for name, expected := range map[string]string{
		"sort":   "sort is not in the microVM: add it (oomcage vm -add " + bin + "/sort …)",
		"nosuch": "nosuch is not in the microVM, and not in $PATH here: install it, and add it (oomcage vm -add FILE …)",
	} {
		err := missingTarget(vm.Options{Program: "oomcage", Args: []string{"run", "--", name}})
		require.EqualError(t, err, expected)
		require.ErrorAs(t, err, &usageError{})
	}
	for what, o := range map[string]vm.Options{
		"it is there":                   {Args: []string{"run", "./service"}},
		"a folder, which is":            {Args: []string{"run", "./app"}},
		"of the guest":                  {Args: []string{"run", "--", "/usr/bin/nosuch"}},
		"by its name, of what is added": {Args: []string{"run", "nosuch"}, Add: []string{"/opt/nosuch"}},
		"oomcage itself":                {Program: "oomcage", Args: []string{"run", "oomcage", "version"}},
		"at a path of its own":          {Args: []string{"run", "./nosuch"}, Add: []string{"service:" + filepath.Join(t.TempDir(), "nosuch")}},
		"built on the host":             {Args: []string{"run", "./nosuch"}, Build: []string{"./app"}},
		"a spec":                        {Args: []string{"run", "./nosuch.yaml"}},
		"a container's":                 {Args: []string{"run", "--container", "image", "./nosuch"}},
		"another command":               {Args: []string{"report", "./nosuch"}},
		"no command":                    {Args: []string{"./nosuch"}},
		"a flag that is wrong":          {Args: []string{"run", "--no-such-flag", "./nosuch"}},
		"none":                          {Args: []string{"run"}},
		"a demo, which has one":         {Args: []string{"demo"}},
	} {
		require.NoError(t, missingTarget(o), what)
	}
}

func TestACommandOfOomcageThatIsTakenForAProgramIsRecognized(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for args, expected := range map[string]string{
		"run --max 64M -- ./service": "oomcage vm: there is no program run; did you mean: oomcage vm -- oomcage run …\n  to help: oomcage vm -h\n",
		"bisect ./service":           "oomcage vm: there is no program bisect; did you mean: oomcage vm -- oomcage bisect …\n  to help: oomcage vm -h\n",
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, execute(append([]string{"vm", "-mem", "64MiB"}, strings.Fields(args)...), &stdout, &stderr))
		require.Equal(t, expected, stderr.String())
	}
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitMachine, execute([]string{"vm", "nosuch"}, &stdout, &stderr))
	require.Contains(t, stderr.String(), `the program cannot be run: exec: "nosuch": executable file not found in $PATH`)
	// A file of that name is a program, in $PATH or among what is added: here it is no kernel that is missing.
	t.Setenv("OOMCAGE_KERNEL", "/nosuch")
	added := filepath.Join(t.TempDir(), "run")
	require.NoError(t, os.WriteFile(added, nil, 0o700))
	stderr.Reset()
	execute([]string{"vm", "-add", added, "run", "--max", "64M"}, &stdout, &stderr)
	require.NotContains(t, stderr.String(), "did you mean")
	require.NotContains(t, stderr.String(), "cannot be run")
}
