//go:build vmhost

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheExamplesOfWatchWorkAsTheyStand executes those of the help, in a guest.
func TestTheExamplesOfDocsWatchAreThoseOfTheHelp(t *testing.T) {
	page, err := os.ReadFile("../../../docs/watch.md")
	require.NoError(t, err)
	help, found := examplesOf(t, "watch"), 0
	for _, example := range examplesIn(string(page), "") {
		if strings.HasPrefix(example, "oomcage watch ") {
			require.Contains(t, help, example)
			found++
		}
	}
	require.Len(t, help, found)
}
