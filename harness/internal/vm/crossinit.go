package vm

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"oomcage/harness/internal/gobuild"
	"oomcage/harness/internal/sys"
)

// maxInits is how many executables for other processors are kept, each of one build of this one.
const maxInits = 4

// initPackage is the command's own package, by the path of this one: the module may be another one's dependency.
func initPackage() string {
	return strings.TrimSuffix(reflect.TypeFor[Options]().PkgPath(), "internal/vm") + "cmd/oomcage"
}

// initFor returns the executable that is the guest's init: this one, or the same command compiled for the guest's processor. That
// is kept in the cache, so that it is of the same sources for as long as this executable is the same.
func (a arch) initFor(ctx context.Context, tmp string) (string, error) {
	self, err := os.Executable()
	if err != nil || !a.foreign() {
		return self, err
	}
	version, err := fileVersion(self)
	if err != nil {
		return "", err
	}
	kept := cachePath(fmt.Sprintf("init-%s-%.8x", a.name, sha256.Sum256([]byte(version))))
	if now := time.Now(); os.Chtimes(kept, now, now) == nil { // so it is there, and used last
		return kept, nil
	}
	file := filepath.Join(tmp, "init")
	cmd := a.goCommand(gobuild.Command(ctx, tmp, file, initPackage(), "-ldflags=-s -w"))
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", failure(notThere, fmt.Sprintf("the guest's init could not be compiled for %s: go build %s: %v", a.name, initPackage(), err),
			"put go on the PATH, and run it in a module that has oomcage as a tool, once: it is kept for other folders").with(string(output))
	}
	// The cache may be on another disk, where a file cannot be renamed to, or on one that is full: then it is compiled each time.
	if kept == "" || publish(file, kept) != nil {
		return file, nil
	}
	return kept, pruneInits(filepath.Dir(kept))
}

// goCommand has the go command compile for the guest.
func (a arch) goCommand(cmd *exec.Cmd) *exec.Cmd {
	if a.foreign() {
		cmd.Env = append(cmd.Environ(), "GOOS=linux", "GOARCH="+string(a.name))
	}
	return cmd
}

// publish puts the content of a file at its place at once, also from another disk.
func publish(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(to), ".tmp-init-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already when all went well
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Chmod(0o755); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), to)
}

// pruneInits removes all but those that were used last.
func pruneInits(dir string) error {
	files, err := sys.WithPrefix(dir, "init-")
	if err != nil {
		return err
	}
	used := map[string]time.Time{}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			used[file] = info.ModTime()
		}
	}
	slices.SortFunc(files, func(a, b string) int { return used[b].Compare(used[a]) })
	for _, file := range files[min(maxInits, len(files)):] {
		os.Remove(file) // another run may have been faster
	}
	return nil
}
