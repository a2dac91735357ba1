package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/gobuild"
)

func TestALibraryIsNoProgram(t *testing.T) {
	if os.Getenv("OOMCAGE_VM") != "" || os.Getenv(gobuild.Variable) != "" {
		return // there is no compiler
	}
	goCache, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output() // it is below the same folder
	require.NoError(t, err)
	t.Setenv("GOCACHE", strings.TrimSpace(string(goCache)))
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir, err := os.Getwd()
	require.NoError(t, err)
	_, err = compile(t.Context(), dir, "./internal/bar")
	require.ErrorContains(t, err, "no main packages to build")
	path, err := compile(t.Context(), dir, "./testdata/trivial")
	require.NoError(t, err)
	require.Equal(t, "trivial", filepath.Base(path))
	left, err := filepath.Glob(os.Getenv("XDG_CACHE_HOME") + "/oomcage/build/*/*")
	require.NoError(t, err)
	require.Equal(t, []string{path}, left)
}

func TestTheCacheKeepsWhatIsUsedAndWhatIsBeingCompiled(t *testing.T) {
	cache := t.TempDir()
	tmp, remove, err := buildDir(filepath.Join(cache, "compiling"))
	require.NoError(t, err)
	defer remove()
	killed := filepath.Join(cache, "killed", buildPrefix+"1")
	require.NoError(t, os.MkdirAll(killed, 0o700))
	mustWrite(t, filepath.Join(killed, "a"), "half")
	now := time.Now()
	for name, age := range map[string]time.Duration{"old": buildAge + time.Hour, "new": buildAge - time.Hour} {
		path := filepath.Join(cache, name, "service")
		require.NoError(t, os.Mkdir(filepath.Dir(path), 0o755))
		mustWrite(t, path, "executable")
		require.NoError(t, os.Chtimes(path, now, now.Add(-age)))
	}
	trimBuilds(cache, now)
	require.DirExists(t, tmp)
	require.NoDirExists(t, killed)
	require.NoDirExists(t, filepath.Join(cache, "killed"))
	require.NoDirExists(t, filepath.Join(cache, "old"))
	require.FileExists(t, filepath.Join(cache, "new", "service"))
}

// Where cages are not supported, that is said before anything is compiled.
func TestNothingIsCompiledInVain(t *testing.T) {
	if Supported() == nil {
		return // it is the other machines that this is for
	}
	t.Setenv("OOMCAGE_STRICT", "")
	skipped := t.Run("built", func(t *testing.T) {
		t.Setenv("PATH", "") // no compiler is found
		BuildT(t, "./testdata/trivial")
		t.Error("it was not skipped")
	})
	require.True(t, skipped)
}

func TestAPackageCompiledOnTheHostIsFound(t *testing.T) {
	manifest := t.TempDir() + "/built.json"
	mustWrite(t, manifest, `[{"package": "example.com/a", "dir": "/src/a", "path": "/built/a"}]`)
	for _, ask := range []struct{ dir, pkg string }{{"/elsewhere", "example.com/a"}, {"/src", "./a"}, {"/src/b", "../a"}, {"/src/a", "."}} {
		path, err := findBuilt(manifest, ask.dir, ask.pkg)
		require.NoError(t, err)
		require.Equal(t, "/built/a", path)
	}
	_, err := findBuilt(manifest, "/src", "./b")
	require.ErrorContains(t, err, "oomcage vm -build ./b")
	require.ErrorContains(t, err, "example.com/a")
}
