package harness

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatARuntimeIsToldByTheHarnessesOwnEnvironmentIsNamed(t *testing.T) {
	for _, name := range runtimeVariables {
		t.Setenv(name, "")
	}
	require.Empty(t, inherited(Target{}))
	t.Setenv("GOMEMLIMIT", "48MiB")
	t.Setenv("GOGC", "50")
	t.Setenv("GOFLAGS", "-mod=mod")
	require.Equal(t, []string{"GOMEMLIMIT=48MiB", "GOGC=50"}, inherited(Target{}))
	require.Equal(t, []string{"GOMEMLIMIT=48MiB"}, inherited(Target{Env: []string{"GOGC=off"}}), "the spec's own counts, and stands there")
}
