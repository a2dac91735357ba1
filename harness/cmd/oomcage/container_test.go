//go:build linux

package main

import (
	"bytes"
	"io"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// refusedContainer is what run says of a command line with a container.
func refusedContainer(t *testing.T, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	require.Equal(t, exitUsage, execute(append([]string{"run"}, args...), io.Discard, &stderr), "%s", &stderr)
	return stderr.String()
}

func TestAContainersFlagsAreCheckedBeforeAnyEngineIsAsked(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for want, args := range map[string][]string{
		`there is no engine "lxc": podman or docker`:                                                                    {"--container", "app", "--engine", "lxc"},
		"the spec's Target.Engine is podman, and there is no Image: name that of the container":                         {"--engine", "podman", "--", "true"},
		"the spec's Target.Port is of a container, and there is no Image: a program listens on $ADDR":                   {"--port", "80", "--", "true"},
		"the spec's Target.Port is 65536: it must be from 1 to 65535, or 0 for the network of the machine":              {"--container", "app", "--port", "65536"},
		"the spec's Target.Stdin is not for a container: it has nothing to read; add the file to the image":             {"--container", "app", "--stdin", "words"},
		"the spec's Load.UntilEmpty is not for a container: its processes end with its first one, so it leaves nothing": {"--container", "app", "--until-empty"},
		`the spec's Target.Image is "-v", which is no name of an image`:                                                 {"--container=-v"},
	} {
		require.Contains(t, refusedContainer(t, args...), want, "%q", args)
	}
}

// A container's folders and users are not this machine's.
func TestASpecOfAContainerIsSavedAndReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "spec.yaml")
	runs, err := parseSpecFile(file, []byte("container: localhost/app\nmax: 64MiB\nport: 8080\ndir: /no/such/folder\nuser: nobody-here\n"))
	require.NoError(t, err)
	require.Len(t, runs, 1)
	cmd := newRunCommand()
	require.NoError(t, runs[0].apply(cmd))
	text, err := specText([]entry{{cmd: cmd}}, false)
	require.NoError(t, err)
	require.NotContains(t, string(text), programKey+":")
	again, err := parseSpecFile(file, text)
	require.NoError(t, err)
	require.Nil(t, again[0].program)

	_, err = parseSpecFile(file, []byte("max: 64MiB\n"))
	require.ErrorContains(t, err, "there is no program")
}
