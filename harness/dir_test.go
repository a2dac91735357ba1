package harness

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAMissingWorkingDirectoryIsNamed(t *testing.T) {
	t.Setenv("OOMCAGE_VM", "")
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for path, want := range map[string]string{
		dir + "/no":   "the working directory " + dir + "/no does not exist",
		file:          "the working directory " + file + " is not a directory",
		file + "/sub": "the working directory " + file + "/sub cannot be used: stat " + file + "/sub: not a directory",
	} {
		require.EqualError(t, Spec{Target: Target{Path: "true", Dir: path}}.Validate(), "the spec's Target.Dir: "+want)
	}
	require.NoError(t, Spec{Target: Target{Path: "true", Dir: dir}}.Validate())
	t.Setenv("OOMCAGE_VM", "6.12")
	require.ErrorContains(t, Spec{Target: Target{Path: "true", Dir: "/no"}}.Validate(), "does not exist; add it to the microVM: oomcage vm -add /no …")
}

func TestATargetIsNotStartedInAMissingWorkingDirectory(t *testing.T) {
	cage := NewCageT(t, Limits{Max: 64 * MiB})
	_, err := cage.Start(t.Context(), Target{Path: "/proc/self/exe", Dir: "/no/such"})
	require.ErrorContains(t, err, "start /proc/self/exe: the working directory /no/such does not exist")
}
