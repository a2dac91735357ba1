//go:build vmhost

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Where there is an engine, the script runs them.
func TestTheExamplesOfTheHelpOfContainersAreThoseOfTheirScript(t *testing.T) {
	require.Contains(t, mustRead(t, "../../../.ci/containers"), "run --help", "it takes them from there")
	found := 0
	for _, example := range examplesOf(t, "run") {
		if strings.Contains(example, "--container ") {
			found++
		}
	}
	require.Equal(t, 2, found)
}
