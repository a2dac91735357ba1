//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// mustLoad parses the flags of a load; words are separated by "|".
func mustLoad(t *testing.T, flags string) (outcome.Spec, sweep.Template, error) {
	t.Helper()
	var l loadFlags
	cmd := &cobra.Command{}
	l.register(cmd)
	require.NoError(t, cmd.ParseFlags(strings.Split(flags, "|")))
	var spec outcome.Spec
	load, err := l.apply(&spec)
	return spec, load, err
}

func TestALoadIsSaidByFlags(t *testing.T) {
	body := filepath.Join(t.TempDir(), "body")
	require.NoError(t, os.WriteFile(body, []byte("x"), 0o600))
	for flags, want := range map[string]string{
		"--post|/a":                        "POST /a",
		"--get|/a":                         "GET /a",
		"--request|PUT /a":                 "PUT /a",
		"--request|PUT /a|--body|hello":    `PUT /a, body "hello"`,
		"--request|PUT /a|--body|@" + body: "PUT /a, body of the file " + body,
		"--post|/a|--body-size|1MiB|--header|X: 1|--header|Y: 2": "POST /a, body of 1MiB, header X: 1, header Y: 2",
		"--post|/a|--body-size|$step":                            "POST /a, body of 8MiB",
		"--post|/a?n=$step|--status|200,409":                     "POST /a?n=8388608, status 200 or 409",
		"--get|/a|--https|--insecure|--answer|ok":                `GET /a, by HTTPS, no certificate checked, answer with "ok"`,
		"--get|/a|--https|--socket|s|--ca|" + body:               "GET /a, by HTTPS, certificates of " + body + ", socket s",
		"--exec|/proc/self/exe|--clients|3":                      "/proc/self/exe",
	} {
		spec, load, err := mustLoad(t, flags)
		require.NoError(t, err, flags)
		spec.Target.Path, spec.Load.Bytes = "/bin/app", 8*outcome.MiB
		points, err := sweep.Grid{Spec: spec, Step: load}.Points()
		require.NoError(t, err, flags)
		require.Equal(t, want, points[0].Spec.Load.Name)
	}
	spec, _, err := mustLoad(t, "--get|/a|--steps|9|--clients|3|--rate|2.5|--tolerate|4")
	require.NoError(t, err)
	require.Equal(t, outcome.Load{Count: 9, Clients: 3, Rate: 2.5, Tolerate: 4}, spec.Load)
}

func TestALoadThatMakesNoSenseIsRefused(t *testing.T) {
	for flags, want := range map[string]string{
		"--post|/a|--get|/a":                   "are one load each: give one of them",
		"--post|/a|--request|GET /a":           "are one load each: give one of them",
		"--clients|3":                          "-clients has no step to count: give -post, -get, -request or -exec",
		"--rate|3":                             "-rate has no step to count",
		"--tolerate|3":                         "-tolerate has no step to count",
		"--body|x":                             "-body is about an HTTP request, and there is none: give -request, -post or -get",
		"--exec|true|--header|X: 1":            "-header is about an HTTP request, and there is none",
		"--request|/a":                         "-request \"/a\" is not METHOD PATH: it looks like 'POST /upload'",
		"--request|put /a":                     `the method "put" is not in capitals`,
		"--request|PUT a":                      `write "/a"`,
		"--post|/a|--body|@/no/such":           "-body @/no/such: stat /no/such: no such file",
		"--post|/a|--body|x|--body-size|1":     "several bodies",
		"--post|/a|--body|x|--body-size|$step": "two bodies",
		"--post|/a|--body-size|many":           "or it is $step",
		"--post|/a|--header|X":                 "it looks like",
		"--post|/a|--status|1000":              "the status 1000 is none of HTTP",
		"--get|/a|--https|--ca|/no/such":       "-ca /no/such: stat /no/such: no such file",
		"--post|/a|--insecure":                 "have it go by HTTPS",
		"--post|/a|--rate|-1":                  "-rate is -1: it must not be negative",
		"--post|/a|--clients|-1":               "-clients is -1: it must not be negative",
		"--post|/a|--tolerate|-1":              "-tolerate is -1: it must not be negative",
	} {
		_, _, err := mustLoad(t, flags)
		require.ErrorContains(t, err, want, flags)
	}
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitUsage, execute([]string{"run", "--post", "/a", "--clients", "100000", "p"}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "Load.Clients is 100000: it must be from 0 to 10000")
	stderr.Reset()
	require.Equal(t, exitUsage, execute([]string{"run", "--post", "/a", "--body-size", "$step", "p"}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "the load's body has the size of a step, and nothing says what that is")
}
