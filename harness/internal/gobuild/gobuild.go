// Package gobuild compiles Go programs for targets.
package gobuild

import (
	"context"
	"os"
	"os/exec"
	"strings"
)

// Command is the go command that compiles pkg to a static executable at out.
//
// The executable has no revision of the working tree in it: each commit would make another one of the same code, and
// results of it could not be resumed. Where GOFLAGS of the environment has -buildvcs, that holds.
func Command(ctx context.Context, out, pkg string) *exec.Cmd {
	args := []string{"build", "-o", out}
	if !strings.Contains(os.Getenv("GOFLAGS"), "-buildvcs") {
		args = append(args, "-buildvcs=false")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "--", pkg)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	return cmd
}
