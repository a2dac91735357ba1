package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
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
		"program: x\nsteps: many":          `spec.yaml:2: steps: strconv.ParseInt: parsing "many": invalid syntax`,
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
		"program: x\nruns:\n  - name: a\n    runs: []":            `spec.yaml:4: there is no key "runs"`,
		"program: x\nheader: 'Authorization: [hidden]'\nget: /":   `spec.yaml:2: header: "Authorization: [hidden]" was saved without its secret`,
		"program: [x, '--token=[hidden]']":                        "spec.yaml:1: program: ",
		"program: x\npost: upload":                                `spec.yaml:2: post: it does not begin with a slash: write "/upload"`,
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

// A flag that somebody adds is a key, and in the schema, unless it is said to be about one invocation alone.
func TestEveryFlagIsAKey(t *testing.T) {
	keys := specKeys()
	properties := specSchema().Properties
	seen := map[string]bool{}
	for _, command := range specCommands {
		newSpecCommand(command).LocalFlags().VisitAll(func(f *pflag.Flag) {
			seen[f.Name] = true
			i := slices.IndexFunc(keys, func(k flagKey) bool { return k.name == f.Name })
			require.Equal(t, !notInFiles(f.Name), i >= 0, f.Name)
			require.Equal(t, i >= 0, properties[f.Name] != nil, f.Name)
			if i >= 0 {
				require.NotEmpty(t, properties[f.Name].Description)
				require.Equal(t, f, f, keys[i].flags[command])
			}
		})
	}
	for _, name := range []string{"save", "only", "json", "format", "junit", "html", "show-secrets", "out", "resume", "rebuilt", "shard", "force"} {
		require.True(t, seen[name], "%s is no flag any more", name)
	}
	require.Greater(t, len(keys), 30)
	for name, want := range map[string]string{"env": "=", "file": "=", "header": ": ", "axis": "=", "at": "", "capture": ""} {
		i := slices.IndexFunc(keys, func(k flagKey) bool { return k.name == name })
		require.Equal(t, want, keys[i].between, name)
		require.True(t, keys[i].list, name)
	}
}

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

// fits says how a value is not as a schema wants it, or "".
func fits(s map[string]any, v any, at string) string {
	if several, ok := s["anyOf"].([]any); ok {
		why := ""
		for _, one := range several {
			if why = fits(one.(map[string]any), v, at); why == "" {
				return ""
			}
		}
		return why
	}
	types, ok := s["type"].([]any)
	if !ok {
		types = []any{s["type"]}
	}
	is := map[string]bool{"null": v == nil}
	switch v := v.(type) {
	case map[string]any:
		is["object"] = true
		properties, _ := s["properties"].(map[string]any)
		required, _ := s["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				return fmt.Sprintf("%s has no %s", at, name)
			}
		}
		for name, value := range v {
			one, known := properties[name].(map[string]any)
			if !known {
				if one, known = s["additionalProperties"].(map[string]any); !known {
					return at + " has an unknown " + name
				}
			}
			if why := fits(one, value, at+"."+name); why != "" {
				return why
			}
		}
	case []any:
		is["array"] = true
		for _, item := range v {
			if items, ok := s["items"].(map[string]any); ok {
				if why := fits(items, item, at+"[]"); why != "" {
					return why
				}
			}
		}
	case string:
		is["string"] = true
	case bool:
		is["boolean"] = true
	case float64:
		is["number"], is["integer"] = true, v == float64(int(v))
	}
	if !slices.ContainsFunc(types, func(t any) bool { return is[t.(string)] }) {
		return fmt.Sprintf("%s is no %v", at, types)
	}
	return ""
}

// docsSuite is the suite that docs/spec.md shows.
const docsSuite = "testdata/suite.yaml"

func TestTheSuiteOfTheDocumentationIsTheOneThatIsRun(t *testing.T) {
	if os.Getenv("OOMCAGE_VM") != "" {
		t.Skip("the documentation is not in the microVM")
	}
	m := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(mustRead(t, "../../../docs/spec.md"))
	require.NotNil(t, m)
	require.Equal(t, m[1], mustRead(t, docsSuite))
}

func TestTheSchemaTakesWhatIsASpecAndNothingElse(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Zero(t, execute([]string{"schema"}, &stdout, &stderr), &stderr)
	var s map[string]any
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &s))
	require.Equal(t, "http://json-schema.org/draft-07/schema#", s["$schema"])
	for text, want := range map[string]string{
		mustRead(t, docsSuite): "",
		"program: [./app, -addr, $ADDR]\nmax: 64MiB\nsteps: 3\noom-group: true\nenv: {A: b, TOKEN: null}\nstatus: [201, 204]\nrate: 0.5": "",
		"program: ./app\nmax: 67108864\nenv: [A=b]\nexpect: [survived, exited=3]":                                                        "",
		"max: [1M, 2M]":               "",
		"mx: 64MiB":                   " has an unknown mx",
		"runs: [{max: 1M}]":           ".runs[] has no name",
		"runs: [{name: x, runs: []}]": ".runs[] has an unknown runs",
		"steps: many":                 ".steps is no [array]",
		"steps: 1.5":                  ".steps is no [array]",
		"oom-group: 'no'":             ".oom-group is no [boolean]",
		"max: {a: b}":                 ".max has an unknown a",
	} {
		require.Equal(t, want, fits(s, asJSON(t, text), ""), text)
	}
}
