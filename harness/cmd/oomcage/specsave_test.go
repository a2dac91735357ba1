//go:build linux

package main

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/filemodes"
)

func TestWhatIsSavedIsWhatWasGiven(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spec.yaml")
	given := []string{"-max", "64M", "-oom-group", "-timeout", "90s", "-env", "A=x y", "-env", "B=", "-steps", "010", "-rate", "0.5", "-status", "201,204",
		"-header", "X: 1", "-get", "/?a=b#c", "-answer", "true", "-at", "step=1:max=max", "--", "./app", "-addr", "$ADDR", "", "a\nb\x1b", "- x", "no", "12", "é\t"}
	entries, err := entriesFor(t, "run", given...)
	require.NoError(t, err)
	require.NoError(t, saveSpecs(path, entries))
	again, err := entriesFor(t, "run", path)
	require.NoError(t, err)
	require.Equal(t, flagsOf(entries[0]), flagsOf(again[0]))
	require.Equal(t, entries[0].args, again[0].args)
	text := mustRead(t, path)
	require.Contains(t, text, "\nmax: 64MiB\n")
	require.Contains(t, text, "\noom-group: true\n")
	require.Contains(t, text, "\nsteps: 8\n")
	require.Contains(t, text, "\nanswer: \"true\"\n")
	require.NoError(t, saveSpecs(path, again), "a spec may be replaced")
	require.Equal(t, text, mustRead(t, path))

	suitePath := mustWriteSpec(t, suite)
	entries, err = entriesFor(t, "run", suitePath)
	require.NoError(t, err)
	require.NoError(t, saveSpecs(path, entries))
	again, err = entriesFor(t, "run", path)
	require.NoError(t, err)
	require.Equal(t, namesOf(entries), namesOf(again))
	for i := range entries {
		require.Equal(t, flagsOf(entries[i]), flagsOf(again[i]))
		require.Equal(t, entries[i].args, again[i].args)
	}
}

func TestAnyTextSurvivesASpec(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	letters := []rune("aA1 :-#'\"\\{}[]&*!|>%@`,?=\n\t\r\x00\x1b\u2028\ufeffé🙂~$")
	path := filepath.Join(t.TempDir(), "spec.yaml")
	for range 300 {
		var b strings.Builder
		for range random.IntN(12) {
			b.WriteRune(letters[random.IntN(len(letters))])
		}
		entries, err := entriesFor(t, "run", "-answer", b.String(), "-get", "/", "-env", "X="+b.String(), "--", "./app", b.String())
		require.NoError(t, err)
		require.NoError(t, saveSpecs(path, entries), "%q", b.String())
		again, err := entriesFor(t, "run", path)
		require.NoError(t, err, "%q\n%s", b.String(), mustRead(t, path))
		require.Equal(t, entries[0].args, again[0].args)
		require.Equal(t, flagsOf(entries[0]), flagsOf(again[0]))
	}
}

func TestASavedSpecHasNoSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spec.yaml")
	given := []string{"-env", "API_TOKEN=wolpertinger", "-env", "PLAIN=1", "-request", "GET /", "-header", "Authorization: Bearer abcdefghijk", "--", "./app", "--db-password=wolpertinger"}
	entries, err := entriesFor(t, "run", given...)
	require.NoError(t, err)
	require.NoError(t, saveSpecs(path, entries))
	text := mustRead(t, path)
	require.NotContains(t, text, "wolpertinger")
	require.NotContains(t, text, "abcdefghijk")
	require.Contains(t, text, "# To run it, set in the environment: API_TOKEN.\n")
	require.Contains(t, text, "# To run it, write what is [hidden], or give it on the command line: program, header.\n")

	_, err = entriesFor(t, "run", path)
	require.ErrorContains(t, err, `header: "Authorization: [hidden]" was saved without its secret`)
	_, err = entriesFor(t, "run", path, "-header", "Authorization: Bearer abcdefghijk")
	require.ErrorContains(t, err, "API_TOKEN has no value here, and none in the environment")
	t.Setenv("API_TOKEN", "wolpertinger")
	_, err = entriesFor(t, "run", path, "-header", "Authorization: Bearer abcdefghijk")
	require.ErrorContains(t, err, `program: "--db-password=[hidden]" was saved without its secret`)
	again, err := entriesFor(t, "run", path, "-header", "Authorization: Bearer abcdefghijk", "--", "./app", "--db-password=wolpertinger")
	require.NoError(t, err)
	require.Equal(t, flagsOf(entries[0]), flagsOf(again[0]))

	shown := filepath.Join(t.TempDir(), "shown.yaml")
	entries, err = entriesFor(t, "run", append([]string{"-show-secrets"}, given...)...)
	require.NoError(t, err)
	require.NoError(t, saveSpecs(shown, entries))
	again, err = entriesFor(t, "run", shown)
	require.NoError(t, err)
	require.Equal(t, entries[0].args, again[0].args)
	info, err := os.Stat(shown)
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077, "others do not read it")
}

func TestNothingIsReplacedThatIsNoSpec(t *testing.T) {
	path := mustWriteSpec(t, "services: {web: {image: x}}\n")
	for to, want := range map[string]string{
		path: "it is there, and is no spec, so it is not replaced", "spec.txt": "a spec's name ends in .yaml or .yml", "/no/such/spec.yaml": "no such file",
	} {
		entries, err := entriesFor(t, "run", "./app")
		require.NoError(t, err)
		require.ErrorContains(t, saveSpecs(to, entries), want)
	}
	require.Equal(t, "services: {web: {image: x}}\n", mustRead(t, path))
}

func TestAFileThatMayNotBeWrittenOrReadIsNotReplaced(t *testing.T) {
	entries, err := entriesFor(t, "run", "./app")
	require.NoError(t, err)
	dir := t.TempDir()
	readOnly, closed := filepath.Join(dir, "report.html"), filepath.Join(dir, "spec.yaml")
	require.NoError(t, os.WriteFile(readOnly, []byte("mine"), 0o444))
	require.NoError(t, os.WriteFile(closed, []byte("services: {}\n"), 0o200))
	filemodes.Hold(t, func() {
		require.NoError(t, writeWhole(filepath.Join(dir, "new"), []byte("x")))
		require.ErrorIs(t, writeWhole(readOnly, []byte("a report")), fs.ErrPermission)
		require.ErrorContains(t, saveSpecs(closed, entries), "what is there cannot be read, so it is not replaced")
	})
	require.NoError(t, os.Chmod(closed, 0o600))
	require.Equal(t, "services: {}\n", mustRead(t, closed))
	require.Equal(t, "mine", mustRead(t, readOnly))
}
