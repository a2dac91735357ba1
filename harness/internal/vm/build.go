package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"oomcage/harness/internal/gobuild"
)

// built is a package compiled on the host.
type built struct {
	gobuild.Built
	file string // the executable, on the host
}

// buildPackages compiles each package into a static executable below dir. A relative package means the
// same wherever in the main module the command runs: `go test` starts it in every package's folder.
func buildPackages(ctx context.Context, a arch, pkgs []string, dir string) ([]built, error) {
	if len(pkgs) == 0 {
		return nil, nil
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return nil, err
	}
	var all []built
	for i, pkg := range pkgs {
		b, err := a.listPackage(ctx, root, pkg)
		if err != nil {
			return nil, err
		}
		name := path.Base(b.Package)
		b.file = filepath.Join(dir, fmt.Sprint(i), name)
		b.Path = guestBin + "/" + fmt.Sprint(i) + "/" + name
		cmd := a.goCommand(inFolder(gobuild.Command(ctx, dir, b.file, b.Package), root))
		if output, err := cmd.CombinedOutput(); err != nil {
			return nil, buildFailure(pkg, "go build", err, output)
		}
		all = append(all, b)
	}
	return all, nil
}

func buildFailure(pkg, command string, err error, output []byte) error {
	return failure(notThere, fmt.Sprintf("-build %s: %s: %v", pkg, command, err), "").with(string(output))
}

func inFolder(cmd *exec.Cmd, dir string) *exec.Cmd {
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "PWD="+dir)
	return cmd
}

// moduleRoot returns the folder of the main module's go.mod.
func moduleRoot(ctx context.Context) (string, error) {
	stdout, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	gomod := strings.TrimSpace(string(stdout))
	if err != nil {
		return "", failure(notThere, fmt.Sprintf("-build needs the go command: %v", err), "put go on the PATH")
	}
	if gomod == "" || gomod == os.DevNull {
		return "", failure(notThere, "-build found no go.mod in this folder or above it", "run it inside of a Go module")
	}
	return filepath.Dir(gomod), nil
}

func (a arch) listPackage(ctx context.Context, root, pkg string) (built, error) {
	var b built
	cmd := a.goCommand(inFolder(exec.CommandContext(ctx, "go", "list", "-f", "{{.Name}}\t{{.ImportPath}}\t{{.Dir}}", "--", pkg), root))
	stdout, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return b, buildFailure(pkg, "go list", err, exit.Stderr)
		}
		return b, buildFailure(pkg, "go list", err, nil)
	}
	lines := strings.Split(strings.TrimSpace(string(stdout)), "\n")
	if len(lines) != 1 || lines[0] == "" {
		return b, failure(notThere, fmt.Sprintf("-build %s names %d packages", pkg, len(lines)), "name one main package")
	}
	fields := strings.SplitN(lines[0], "\t", 3)
	if len(fields) != 3 {
		return b, fmt.Errorf("read the output of go list: %q", lines[0])
	}
	if fields[0] != "main" {
		return b, failure(notThere, fmt.Sprintf("-build %s: package %s is not a main package", pkg, fields[1]), "")
	}
	b.Package, b.Dir = fields[1], fields[2]
	return b, nil
}

// manifest is the JSON of what OOMCAGE_BUILT names.
func manifest(all []built) ([]byte, error) {
	packages := make([]gobuild.Built, 0, len(all))
	for _, b := range all {
		packages = append(packages, b.Built)
	}
	return json.Marshal(packages)
}
