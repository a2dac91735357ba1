package harness

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"oomcage/harness/internal/gobuild"
	"oomcage/harness/internal/printable"
	"oomcage/harness/internal/printing"
)

// BuildT is Build for tests. What is built is for a cage, so it skips the test, as RunT does, before anything is compiled
// where cages are not supported; any other error fails it.
func BuildT(tb testing.TB, pkg string) string {
	tb.Helper()
	if err := Supported(); err != nil {
		giveUp(tb, err)
	}
	path, err := Build(tb.Context(), pkg)
	if err != nil {
		tb.Fatal(printable.Lines(err.Error()))
	}
	return path
}

// builds has one entry for each package that this process has compiled.
var builds struct {
	sync.Mutex
	done map[string]string // directory and package to path
}

// Build compiles the Go package pkg, an import path or a relative one such as "./app", to a static executable and returns
// its path. A package that is no program is an error. It compiles a package once, and keeps the executable in the user's
// cache. In the microVM it returns what oomcage vm -build has compiled on the host.
func Build(ctx context.Context, pkg string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("build %s: %w", pkg, err)
	}
	if manifest := os.Getenv(gobuild.Variable); manifest != "" {
		return findBuilt(manifest, dir, pkg)
	}
	if os.Getenv("OOMCAGE_VM") != "" {
		return "", fmt.Errorf("build %s: there is no compiler in the microVM: let the host compile it: oomcage vm -build %s", pkg, pkg)
	}
	builds.Lock()
	defer builds.Unlock()
	key := dir + "\x00" + pkg
	if path, ok := builds.done[key]; ok {
		return path, nil
	}
	path, err := compile(ctx, dir, pkg)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", pkg, err)
	}
	if builds.done == nil {
		builds.done = make(map[string]string)
	}
	builds.done[key] = path
	return path, nil
}

func findBuilt(manifest, dir, pkg string) (string, error) {
	built, err := gobuild.ReadManifest(manifest)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", pkg, err)
	}
	var have []string
	for _, b := range built {
		if b.Package == pkg || isRelative(pkg) && b.Dir == filepath.Join(dir, pkg) {
			return b.Path, nil
		}
		have = append(have, b.Package)
	}
	return "", fmt.Errorf("build %s: there is no compiler in the microVM, and the host has compiled only [%s]; "+
		"add it: oomcage vm -build %s", pkg, strings.Join(have, " "), pkg)
}

func isRelative(pkg string) bool {
	return pkg == "." || pkg == ".." || strings.HasPrefix(pkg, "./") || strings.HasPrefix(pkg, "../")
}

// compile puts the executable into the user's cache, into a folder that belongs to the package.
func compile(ctx context.Context, dir, pkg string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for the executable: %w; set $HOME or $XDG_CACHE_HOME", err)
	}
	sum := sha256.Sum256([]byte(dir + "\x00" + pkg))
	entry := filepath.Join(cache, "oomcage", "build", hex.EncodeToString(sum[:8]))
	// Test binaries of other packages may be compiling, or running, the same executable: it
	// appears whole, by a rename.
	tmp, remove, err := buildDir(entry)
	if err != nil {
		return "", fmt.Errorf("find a place for the executable: %w", err)
	}
	defer remove()
	trimBuilds(filepath.Dir(entry), time.Now())
	// Into a folder, and not into a file: go build writes an archive there for a library.
	cmd := gobuild.Command(ctx, tmp, tmp+"/", pkg)
	var out bytes.Buffer
	const grace = time.Second // the children of a compiler that was cancelled may outlive it
	if err := printing.Run(cmd, grace, &out, &out); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", fmt.Errorf("%w; the Go toolchain is needed: put its bin directory into $PATH (sudo keeps it with: sudo env \"PATH=$PATH\" go test)", err)
		}
		return "", fmt.Errorf("go build: %w\n%s", err, out.Bytes())
	}
	made, err := os.ReadDir(tmp)
	if err != nil {
		return "", err
	}
	if len(made) != 1 {
		return "", fmt.Errorf("it names %d programs: name one main package", len(made))
	}
	path := filepath.Join(entry, made[0].Name())
	if err := os.Rename(filepath.Join(tmp, made[0].Name()), path); err != nil {
		return "", err
	}
	return path, warm(path)
}

// warm reads the executable once, so that its pages are in the page cache and charged to the
// harness. Otherwise they would be charged to the first cage that runs it, and near its limit
// the target would thrash on its own text instead of dying.
func warm(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, f)
	return err
}
