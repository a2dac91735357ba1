//go:build vmhost

package vm

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newModule makes a module with a service and a library, and changes into the library's folder, as go
// test does with each package.
func newModule(t *testing.T) (root string) {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	for name, content := range map[string]string{
		"go.mod":          "module example\n",
		"svc/main.go":     "package main\nfunc main() {}\n",
		"broken/main.go":  "package main\nfunc main() { undefined() }\n",
		"lib/deep/lib.go": "package deep\n",
	} {
		file := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
	}
	t.Chdir(filepath.Join(root, "lib", "deep"))
	return root
}

func TestPackagesAreBuiltRelativeToTheModule(t *testing.T) {
	root := newModule(t)
	got, err := buildPackages(t.Context(), hostArch, []string{"./svc", "example/svc"}, t.TempDir())
	require.NoError(t, err)
	require.Len(t, got, 2)
	for _, b := range got {
		assert.FileExists(t, b.file)
		libs, err := hostArch.needs(t.Context(), b.file)
		require.NoError(t, err)
		assert.Empty(t, libs, "it is static")
	}
	data, err := manifest(got)
	require.NoError(t, err)
	var list []map[string]string
	require.NoError(t, json.Unmarshal(data, &list))
	svc := filepath.Join(root, "svc")
	assert.Equal(t, []map[string]string{
		{"package": "example/svc", "dir": svc, "path": guestBin + "/0/svc"},
		{"package": "example/svc", "dir": svc, "path": guestBin + "/1/svc"},
	}, list)
}

func TestPackagesThatCannotBeBuiltAreNamed(t *testing.T) {
	newModule(t)
	for pkg, want := range map[string]string{
		"./broken":   "undefined: undefined",
		"./absent":   "-build ./absent: go list",
		"./lib/deep": "example/lib/deep is not a main package",
		"./...":      "names 3 packages",
	} {
		_, err := buildPackages(t.Context(), hostArch, []string{pkg}, t.TempDir())
		assert.ErrorContains(t, err, want)
	}
	t.Chdir(t.TempDir())
	_, err := buildPackages(t.Context(), hostArch, []string{"./svc"}, t.TempDir())
	assert.ErrorContains(t, err, "found no go.mod")
}
