//go:build linux

package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mustWriteSpec is a spec file of that text.
func mustWriteSpec(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "spec.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// entriesFor are the runs of a command line.
func entriesFor(t *testing.T, command string, args ...string) ([]entry, error) {
	t.Helper()
	cmd := newSpecCommand(command)
	require.NoError(t, cmd.ParseFlags(doubleDashes(cmd, args)))
	return entriesOf(cmd, cmd.Flags().Args())
}

// flagsOf are the flags that an entry has, as they would be written.
func flagsOf(e entry) map[string][]string {
	all := map[string][]string{}
	for _, f := range given(e.cmd) {
		all[f.Name] = valuesOf(f)
	}
	return all
}

func TestASpecIsTheCommandLineThatHasItsKeysAsFlags(t *testing.T) {
	path := mustWriteSpec(t, `
program: [./app, -addr, $ADDR]
max: 64MiB
post: /take?bytes=$step
step: 20971520
steps: 3
timeout: 30s
oom-group: true
env:
  GREETING: hello
  EMPTY: ""
header: ["A: b", 'C: d']
file: {pids.max: 64}
expect: [oom-killed, exited=3]
rate: 2.5
acked: predicted
at: step=2:max=32M
`)
	entries, err := entriesFor(t, "run", path)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, "spec", entries[0].name)
	require.Equal(t, []string{"./app", "-addr", "$ADDR"}, entries[0].args)
	same, err := entriesFor(t, "run", "-max", "64MiB", "-post", "/take?bytes=$step", "-step", "20971520", "-steps", "3", "-timeout", "30s", "-oom-group",
		"-env", "GREETING=hello", "-env", "EMPTY=", "-header", "A: b", "-header", "C: d", "-file", "pids.max=64", "-expect", "oom-killed,exited=3",
		"-rate", "2.5", "-acked", "predicted", "-at", "step=2:max=32M", "./app", "-addr", "$ADDR")
	require.NoError(t, err)
	require.Equal(t, flagsOf(same[0]), flagsOf(entries[0]))

	// What only another command takes is left to it.
	for command, without := range map[string][]string{"bisect": {"max", "expect", "acked"}, "sweep": {"expect", "acked"}} {
		others, err := entriesFor(t, command, path)
		require.NoError(t, err)
		want := flagsOf(same[0])
		for _, key := range without {
			delete(want, key)
		}
		got := flagsOf(others[0])
		if command == "sweep" { // which keeps it as it was written
			want["step"] = []string{"20971520"}
		}
		require.Equal(t, want, got, command)
	}
}

func TestTheCommandLineGoesBeforeTheFile(t *testing.T) {
	path := mustWriteSpec(t, "program: ./app 'a b'\nmax: 64MiB\nenv: [A=1, B=2]\nsteps: 3\nget: /\n")
	for _, args := range [][]string{
		{"-max", "32MiB", "-env", "C=3", path}, {path, "-max", "32MiB", "-env", "C=3"}, {"-max=32MiB", path, "--env=C=3"},
	} {
		entries, err := entriesFor(t, "run", args...)
		require.NoError(t, err)
		require.Equal(t, map[string][]string{"max": {"32MiB"}, "env": {"C=3"}, "steps": {"3"}, "get": {"/"}}, flagsOf(entries[0]), args)
		require.Equal(t, []string{"./app", "a b"}, entries[0].args)
	}
	for _, args := range [][]string{{path, "--", "./other", "-max", "1"}, {path, "-steps", "3", "--", "./other", "-max", "1"}} {
		entries, err := entriesFor(t, "run", args...)
		require.NoError(t, err)
		require.Equal(t, []string{"./other", "-max", "1"}, entries[0].args, args)
		require.Equal(t, []string{"64MiB"}, flagsOf(entries[0])["max"])
	}
	_, err := entriesFor(t, "run", path, "./other")
	require.ErrorContains(t, err, `"./other" stands behind a spec file, and is none`)
	_, err = entriesFor(t, "run", path, "--")
	require.ErrorContains(t, err, "no program after --")
	_, err = entriesFor(t, "run", path, "--no-such", "1")
	require.ErrorContains(t, err, "unknown flag")
}

func TestAFileThatCanBeExecutedIsAProgram(t *testing.T) {
	path := mustWriteSpec(t, "program: true\n")
	require.True(t, isSpecFile(path))
	require.True(t, isSpecFile("/no/such.yml"))
	require.True(t, isSpecFile("no-such.json"))
	require.False(t, isSpecFile("/no/such"))
	require.False(t, isSpecFile("yaml"))
	entries, err := entriesFor(t, "run", "--", path)
	require.NoError(t, err)
	require.Equal(t, []string{path}, entries[0].args, "what stands after -- is a program")
	require.NoError(t, os.Chmod(path, 0o700)) //nolint:gosec // it is to be executable
	require.False(t, isSpecFile(path))
	require.False(t, isSpecFile(filepath.Dir(path)))
}

func TestALoadOfTheCommandLineStandsInThePlaceOfTheFiles(t *testing.T) {
	file := "program: x\nrequest: PUT /a\nbody: b\nheader: ['X-A: 1']\nsteps: 7\nclients: 2\n"
	loadOf := func(text string, args ...string) map[string]string {
		entries, err := entriesFor(t, "run", append([]string{mustWriteSpec(t, text)}, args...)...)
		require.NoError(t, err)
		got := map[string]string{}
		for _, f := range given(entries[0].cmd) {
			got[f.Name] = strings.Join(valuesOf(f), ",")
		}
		return got
	}
	require.Equal(t, map[string]string{"request": "PUT /a", "body": "b", "header": "X-A: 1", "steps": "7", "clients": "2"}, loadOf(file))
	require.Equal(t, map[string]string{"get": "/", "steps": "7", "clients": "2"}, loadOf(file, "--get", "/"), "all that was about the other request is gone")
	require.Equal(t, map[string]string{"exec": "true", "steps": "9", "clients": "2"}, loadOf(file, "--exec", "true", "--steps", "9"))
	require.Equal(t, map[string]string{"request": "PUT /b", "body": "b", "header": "X-A: 1", "steps": "7", "clients": "2"}, loadOf(file, "--request", "PUT /b"))
	require.Equal(t, map[string]string{"post": "/b", "body": "c", "steps": "7", "clients": "2"}, loadOf(file, "--post", "/b", "--body", "c"))
	require.Equal(t, map[string]string{"request": "PUT /a", "body": "c", "header": "X-A: 1", "steps": "7", "clients": "2"}, loadOf(file, "--body", "c"))
	require.Equal(t, map[string]string{"name": "a", "get": "/", "steps": "7", "clients": "2"}, loadOf(file+"runs:\n- {name: a, get: /}\n"), "nor does a run have what stands for all")
}

func TestJSONHasCharactersBeyondTheBasicPlaneInTwoHalves(t *testing.T) {
	read := func(text string) ([]specRun, error) { return parseSpecFile("spec.json", []byte(text)) }
	runs, err := read(`{"program": ["x", "\ud83d\ude00 \u00e9 \\ud83d \\\uD83D\uDE00"]}`)
	require.NoError(t, err)
	require.Equal(t, []string{"x", "\U0001F600 é \\ud83d \\\U0001F600"}, runs[0].program)
	for text, want := range map[string]string{
		`"\ud83d"`:        `spec.json:2: \ud83d is half a character`,
		`"\ude00\ud83d"`:  `spec.json:2: \ude00 is half a character`,
		`"\ud83d\ud83d "`: `spec.json:2: \ud83d is half a character`,
		`"\ud83d \ude00"`: `spec.json:2: \ud83d is half a character`,
		`"\\\ud83dude00"`: `spec.json:2: \ud83d is half a character`,
	} {
		_, err := read("{\n\"program\": [" + text + "]}")
		require.ErrorContains(t, err, want)
		require.ErrorAs(t, err, new(usageError))
	}
}

func TestWhatIsWrongInASpecIsSaidWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "spec.yaml is empty",
		"# nothing":                        "spec.yaml is empty",
		"- a":                              "spec.yaml:1: a spec is a mapping",
		"program: x\nmx: 1":                `spec.yaml:2: there is no key "mx": did you mean max? the keys are the flags`,
		"program: x\n\nfrobnicate: 1":      `spec.yaml:3: there is no key "frobnicate": the keys are the flags`,
		"progam: x":                        "did you mean program?",
		"program: x\nmax: 64Q":             `spec.yaml:2: max: parse the size "64Q": it is not a number with a unit`,
		"program: x\nmax: 0":               "spec.yaml:2: max: 0 could mean no limit or no memory",
		"program: x\nsteps: many":          `spec.yaml:2: steps: "many" is no whole number: it looks like 20`,
		"program: x\noom-group: perhaps":   "spec.yaml:2: oom-group: ",
		"program: x\nmax: 1M\nmax: 2M":     "spec.yaml:3: the key max stands twice, first on line 2",
		"program: x\nmax:":                 "spec.yaml:2: max has no value",
		"program: x\nmax: {a: b}":          "spec.yaml:2: max is no mapping",
		"program: x\nenv:\n  A: [1]":       "spec.yaml:3: env: A has no single value",
		"program: x\nenv: []":              "spec.yaml:2: env: a value is needed",
		"program: x\nenv: [A=1, {b: c}]":   "line 2: env has a list of single values",
		"program: x\nenv: [OOMCAGE_UNSET]": "spec.yaml:2: env: OOMCAGE_UNSET has no value here, and none in the environment",
		"program: x\njson: true":           "spec.yaml:2: json stands on the command line alone: --json",
		"max: 1M":                          "spec.yaml:1: there is no program",
		"program: []":                      "spec.yaml:1: program: ",
		"program: 'a":                      "spec.yaml: it is no YAML: found unexpected end of stream",
		"program: \"'a\"":                  "spec.yaml:1: program: Unterminated single-quoted string",
		"program:":                         "spec.yaml:1: program: a value is needed",
		"x: 1\na: b: c":                    "spec.yaml:2: it is no YAML: mapping values are not allowed",
		"program: x\n---\nprogram: y":      "spec.yaml has more than one document",
		"runs: {}":                         "spec.yaml:1: runs is a list of runs",
		"runs: [x]":                        "spec.yaml:1: a run is a mapping",
		"program: x\nruns:\n  - max: 1M":   "spec.yaml:3: a run has no name",
		"runs:\n  - name: a":               "spec.yaml:2: the run a has no program",
		"program: x\nruns:\n  - {name: a}\n  - {name: a}":         `spec.yaml:4: the name "a" stands twice`,
		"program: x\nruns:\n  - name: a\n    runs: []":            `spec.yaml:4: runs stands at the top of a file alone`,
		"program: x\nheader: 'Authorization: [hidden]'\nget: /":   `spec.yaml:2: header: "Authorization: [hidden]" was saved without its secret`,
		"program: [x, '--token=[hidden]']":                        "spec.yaml:1: program: ",
		"program: x\npost: upload":                                `spec.yaml:2: post: the path "upload" does not begin with a slash: write "/upload"`,
		"program: x\nready: /" + strings.Repeat("x", maxSpecFile): "is no spec: it has more than",
	} {
		_, err := entriesFor(t, "run", mustWriteSpec(t, text))
		require.ErrorContains(t, err, want, "%.80s", text)
		require.ErrorAs(t, err, new(usageError), "%.80s", text)
	}
	var stderr bytes.Buffer
	require.Equal(t, exitUsage, execute([]string{"run", "/no/such.yaml"}, io.Discard, &stderr))
	require.Contains(t, stderr.String(), "read the spec: open /no/such.yaml: no such file or directory")
	path := mustWriteSpec(t, "program: x\nget: /\npost: /\n")
	stderr.Reset()
	require.Equal(t, exitUsage, execute([]string{"run", path}, io.Discard, &stderr))
	require.Contains(t, stderr.String(), path+":1: -post, -get, -request and -exec are one load each")
}

const suite = `
program: &app [./app, -addr, $ADDR]
post: /take
steps: 5
name: all
runs:
  - name: small
    max: 32MiB
  - name: large
    max: 64MiB
    steps: 7
    program: ./large
  - {name: same, program: *app}
`

func TestSeveralRunsAreASuite(t *testing.T) {
	path := mustWriteSpec(t, suite)
	entries, err := entriesFor(t, "run", path, "-timeout", "3s")
	require.NoError(t, err)
	require.Equal(t, "small, large, same", namesOf(entries))
	require.Equal(t, map[string][]string{"name": {"small"}, "max": {"32MiB"}, "post": {"/take"}, "steps": {"5"}, "timeout": {"3s"}}, flagsOf(entries[0]))
	require.Equal(t, map[string][]string{"name": {"large"}, "max": {"64MiB"}, "post": {"/take"}, "steps": {"7"}, "timeout": {"3s"}}, flagsOf(entries[1]))
	require.Equal(t, []string{"./app", "-addr", "$ADDR"}, entries[2].args)
	entries, err = entriesFor(t, "run", "-only", "same", path, "-only", "large")
	require.NoError(t, err)
	require.Equal(t, "same, large", namesOf(entries))
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{path, "-only", "medium"}, `-only "medium": no run has that name, of small, large, same`},
		{[]string{"-only", "small", "./app"}, "-only chooses of the runs in spec files, and there is none"},
		{[]string{path, path}, `has the name "small" too`},
		{[]string{path, "--", "./other"}, "would be that of 3 runs"},
	} {
		_, err := entriesFor(t, "run", c.args...)
		require.ErrorContains(t, err, c.want)
	}
	for _, command := range []string{"sweep", "bisect"} {
		var stderr bytes.Buffer
		require.Equal(t, exitUsage, execute([]string{command, path}, io.Discard, &stderr))
		require.Contains(t, stderr.String(), "there are 3 runs: name one by -only, of small, large, same")
		one, err := entriesFor(t, command, path, "-only", "large")
		require.NoError(t, err)
		require.Equal(t, []string{"./large"}, one[0].args)
	}
}

// Whatever a file has, it is a spec or an error of the user's, and nothing in it is expanded without end.
func FuzzSpecFile(f *testing.F) {
	for _, seed := range []string{suite, "a: &a [*a]", "program: &p [x, *p]", "runs: &r\n  - *r", "a: &a {<<: *a}", "{", "program: x\nenv: {A: 1, A: 2}", "? [a]\n: b", "program: !!binary eA=="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		runs, err := parseSpecFile("spec.yaml", []byte(text))
		if err != nil {
			require.ErrorAs(t, err, new(usageError))
			require.Contains(t, err.Error(), "spec.yaml")
			return
		}
		for _, r := range runs {
			require.NotEmpty(t, r.program)
		}
	})
}
