// Package gobuild compiles Go programs for targets.
package gobuild

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Variable names the manifest of what was compiled before the tests were sent into a machine that has no compiler: a
// list of Built, as JSON.
const Variable = "OOMCAGE_BUILT"

// Built is a package that was compiled, and where.
type Built struct {
	Package string `json:"package"` // import path
	Dir     string `json:"dir"`     // of its sources, where it was compiled
	Path    string `json:"path"`    // of the executable, where the tests run
}

// ReadManifest reads what Variable names.
func ReadManifest(file string) ([]Built, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the list of what was compiled: %w", err)
	}
	var all []Built
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("parse %s: %w", file, err)
	}
	return all, nil
}

// Command is the go command that compiles pkg to a static executable at out, with further flags of go build. What it needs meanwhile
// is in tmp, unless the environment names a folder for that: go build leaves it when it is cancelled, and whoever calls removes tmp.
//
// The executable has no revision of the working tree in it: each commit would make another one of the same code, and
// results of it could not be resumed. Where GOFLAGS of the environment has -buildvcs, that holds.
func Command(ctx context.Context, tmp, out, pkg string, flags ...string) *exec.Cmd {
	args := append([]string{"build", "-o", out}, flags...)
	if !strings.Contains(os.Getenv("GOFLAGS"), "-buildvcs") {
		args = append(args, "-buildvcs=false")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "--", pkg)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if os.Getenv("GOTMPDIR") == "" {
		cmd.Env = append(cmd.Env, "GOTMPDIR="+tmp)
	}
	return cmd
}

// Install compiles a package of a version, as in example.com/service@v1.0.0, to a static executable in dir. It needs no module
// around it.
func Install(ctx context.Context, dir, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "install", pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOBIN="+dir)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go install %s: %w\n%s", pkg, err, said)
	}
	return nil
}
