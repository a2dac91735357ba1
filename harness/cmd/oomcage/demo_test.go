//go:build linux

package main

import (
	"archive/zip"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/gobuild"
)

// mustServe makes a folder that is a proxy with one module, a program, at v0.1.0.
func mustServe(t *testing.T, module string) (url string) {
	t.Helper()
	dir := t.TempDir()
	at := filepath.Join(dir, module, "@v")
	require.NoError(t, os.MkdirAll(at, 0o755))
	const gomod = "go 1.21\n"
	for name, text := range map[string]string{"list": "v0.1.0\n", "v0.1.0.info": `{"Version":"v0.1.0"}`, "v0.1.0.mod": "module " + module + "\n" + gomod} {
		require.NoError(t, os.WriteFile(filepath.Join(at, name), []byte(text), 0o644))
	}
	f, err := os.Create(filepath.Join(at, "v0.1.0.zip"))
	require.NoError(t, err)
	z := zip.NewWriter(f)
	for name, text := range map[string]string{"go.mod": "module " + module + "\n" + gomod, "app/main.go": "package main\n\nfunc main() {}\n"} {
		w, err := z.Create(module + "@v0.1.0/" + name)
		require.NoError(t, err)
		_, err = w.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	require.NoError(t, f.Close())
	return "file://" + dir
}

func TestTheDemosServiceIsCompiledOutsideOfItsModule(t *testing.T) {
	if os.Getenv("OOMCAGE_VM") != "" || os.Getenv(gobuild.Variable) != "" {
		return // there is no compiler
	}
	const module = "example.com/demo"
	t.Chdir(t.TempDir())
	t.Setenv("GOPROXY", mustServe(t, module))
	t.Setenv("GONOSUMDB", module)
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOFLAGS", "-modcacherw") // so that it can be removed
	path, remove, err := buildService(t.Context(), module+"/app", "v0.1.0")
	require.NoError(t, err)
	require.FileExists(t, path)
	remove()
	require.NoFileExists(t, path)

	for version, want := range map[string]string{
		"v0.2.0":                       "go install " + module + "/app@v0.2.0: exit status 1",
		"(devel)":                      "cannot be compiled here: build " + module + "/app: go build: ",
		"v0.1.1-0.20261129065545-abc+": "cannot be compiled here: build " + module + "/app: go build: ",
	} {
		_, _, err := buildService(t.Context(), module+"/app", version)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "\n  to help: run it where its source is: in a clone of oomcage, make demo; ")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = buildService(ctx, module+"/app", "v0.1.0")
	require.ErrorIs(t, err, context.Canceled)
}
