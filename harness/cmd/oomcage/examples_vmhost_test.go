//go:build vmhost

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/kernels"
)

// mustBuild compiles a package, or the files of one, as a static executable.
func mustBuild(t *testing.T, to string, what ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"build", "-o", to}, what...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// readmesService is the service that the README shows.
func readmesService(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../README.md")
	require.NoError(t, err)
	m := regexp.MustCompile("(?s)```go\n(package main\n.*?func main.*?)```").FindSubmatch(text)
	require.NotNil(t, m, "no service in the README")
	file := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(file, m[1], 0o600))
	return file
}

// mustManifests writes the manifests that docs/from.md shows, each with its name in the first line, and returns the names.
func mustManifests(t *testing.T, dir string) (names []string) {
	t.Helper()
	page, err := os.ReadFile("../../../docs/from.md")
	require.NoError(t, err)
	for _, m := range regexp.MustCompile("(?s)```(?:yaml|ini)\n# (\\S+)\n.*?```").FindAllSubmatch(page, -1) {
		text := m[0][bytes.IndexByte(m[0], '\n')+1 : len(m[0])-len("```")]
		require.NoError(t, os.WriteFile(filepath.Join(dir, string(m[1])), text, 0o600))
		names = append(names, string(m[1]))
	}
	require.Len(t, names, 3)
	return names
}

// ofAnotherProcessor reports whether an example is of an emulated arm64 machine. Nothing in CI runs those: they take its kernels,
// which CI does not fetch. They were tried by hand on 2026-11-29 (docs/places.md).
func ofAnotherProcessor(example string) bool { return strings.Contains(example, "-arch ") }

// The examples of the help, each as it stands, in a folder that has the programs and the file that they name. Those
// that need cages run in one microVM, and those that boot one themselves on the host.
func TestTheExamplesOfTheHelpWorkAsTheyStand(t *testing.T) {
	dir := t.TempDir()
	command := filepath.Join(dir, "oomcage")
	mustBuild(t, command, ".")
	mustBuild(t, filepath.Join(dir, "app"), "../../../app")
	mustBuild(t, filepath.Join(dir, "service"), readmesService(t))
	var words bytes.Buffer
	for i := range 100_000 {
		fmt.Fprintf(&words, "word%d\n", i*7919%100_000)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "words"), words.Bytes(), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "service.py"), []byte("import json, ssl\nprint(json.dumps('up'))\n"), 0o600))
	mustRun := func(name string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s %q:\n%s", name, args, out)
		return string(out)
	}

	var caged, booting []string
	for _, name := range []string{"run", "explain", "bisect", "sweep", "vm"} {
		for _, example := range examplesOf(t, name) {
			if strings.Contains(example, "--container ") {
				continue // .ci/containers runs those, where there is an engine
			}
			if ofAnotherProcessor(example) {
				continue
			}
			if strings.HasPrefix(example, "oomcage vm ") {
				booting = append(booting, example)
			} else {
				caged = append(caged, example)
			}
		}
	}
	for _, name := range []string{"bisect.md", "load.md", "from.md"} {
		page, err := os.ReadFile(filepath.Join("../../../docs", name))
		require.NoError(t, err)
		for _, example := range examplesIn(string(page), "") {
			if !slices.Contains(caged, example) { // the help has most of them
				caged = append(caged, example)
			}
		}
	}
	script := "set -u\n"
	for i, example := range caged {
		script += fmt.Sprintf("rm -f results.jsonl; echo '<<%d'; %s; echo \">>%d $?\"\n", i, example, i)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "examples"), []byte(script), 0o600))
	guest := []string{"vm", "-mem", "2GiB", "-add", command + ":/usr/local/bin/oomcage"}
	for _, file := range append(mustManifests(t, dir), "app", "service", "words") {
		guest = append(guest, "-add", filepath.Join(dir, file))
	}
	for _, program := range []string{"rm", "sort", "redis-server", "redis-cli"} {
		path, err := exec.LookPath(program)
		require.NoError(t, err, "install redis-server and redis-tools")
		guest = append(guest, "-add", path)
	}
	said := mustRun(command, append(guest, "--", "sh", "examples")...)
	for i, example := range caged {
		_, after, _ := strings.Cut(said, fmt.Sprintf("<<%d\n", i))
		out, rest, found := strings.Cut(after, fmt.Sprintf(">>%d ", i))
		require.True(t, found, said)
		require.True(t, strings.HasPrefix(rest, "0\n"), "%s\nended with %.4s\n%s", example, rest, out)
		if strings.Contains(example, "oomcage run") && strings.Contains(example, "--step ") && !strings.Contains(example, "--json") {
			require.Contains(t, out, "\noom-killed: killed by its own limit: ", example)
		}
	}
	for _, example := range booting {
		mustRun("sh", "-c", example)
	}
	for _, name := range []string{"report", "judge", "doctor", "schema"} {
		for _, example := range examplesOf(t, name) {
			if !strings.Contains(example, "--history") { // see TestTheExamplesOfAHistoryWorkAsTheyStand
				mustRun("sh", "-c", example)
			}
		}
	}
	require.FileExists(t, filepath.Join(dir, "report.html"))

	// What was fetched is there, so no example needs the network; and one removes a kernel, which is a copy here.
	store, err := kernels.User(kernels.Host)
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(filepath.Join(dir, "cache/oomcage/kernels"), os.DirFS(store.Dir())))
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	for _, example := range examplesOf(t, "kernels") {
		if ofAnotherProcessor(example) {
			continue
		}
		said := mustRun("sh", "-c", example)
		require.NotContains(t, said, "fetching", example)
	}
	require.NoDirExists(t, filepath.Join(dir, "cache/oomcage/kernels/6.12"))
}
