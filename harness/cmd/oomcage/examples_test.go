package main

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// examplesOf are the command lines that the help of a command shows, as a user would paste them.
func examplesOf(t *testing.T, command string) []string {
	t.Helper()
	cmd, _, err := newRootCommand(io.Discard, io.Discard).Find([]string{command})
	require.NoError(t, err)
	text := strings.ReplaceAll(cmd.Long, "\\\n", "")
	var found []string
	for _, m := range regexp.MustCompile(`(?m)^  (oomcage .*)$`).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	require.NotEmpty(t, found, command)
	return found
}
