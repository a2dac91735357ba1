package main

import (
	"io"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// examplesOf are the command lines that the help of a command shows, as a user would paste them.
func examplesOf(t *testing.T, command string) []string {
	t.Helper()
	cmd, _, err := newRootCommand(io.Discard, io.Discard).Find([]string{command})
	require.NoError(t, err)
	found := examplesIn(cmd.Long, "  ")
	require.NotEmpty(t, found, command)
	return found
}

// examplesIn are the command lines of oomcage in a text, each behind this indent.
func examplesIn(text, indent string) (found []string) {
	text = regexp.MustCompile(`\\\n *`).ReplaceAllString(text, "")
	for _, m := range regexp.MustCompile(`(?m)^`+indent+`(oomcage .*)$`).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}
