//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

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
				require.NotNil(t, keys[i].flags[command])
				require.Equal(t, f.Usage, keys[i].flags[command].Usage)
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

// docsSuite is the suite that docs/spec.md shows.
const docsSuite = "testdata/suite.yaml"

func TestTheSuiteOfTheDocumentationIsTheOneThatIsRun(t *testing.T) {
	m := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(mustRead(t, "testdata/spec.md"))
	require.NotNil(t, m)
	require.Equal(t, m[1], mustRead(t, docsSuite))
}

// asJSON is what an editor compares with a schema.
func asJSON(t *testing.T, text string) (value any) {
	t.Helper()
	var v any
	require.NoError(t, yaml.Unmarshal([]byte(text), &v))
	line, err := json.Marshal(v)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(line, &value))
	return value
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
