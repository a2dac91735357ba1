package vm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// built is a package compiled on the host.
type built struct {
	builtPackage
	file    string   // the executable, on the host
	sources []string // files of the main module that went into it
}

// listed is what `go list -deps -json` says of a package.
type listed struct {
	Dir, ImportPath, Name      string
	DepOnly, Standard          bool
	GoFiles, CgoFiles, SFiles  []string
	EmbedFiles, HFiles, CFiles []string
	Module                     *struct {
		Main  bool
		GoMod string
	}
}

// buildPackages compiles each package into a static executable below dir. A relative package means the
// same wherever in the main module the command runs: `go test` starts it in every package's folder.
func buildPackages(ctx context.Context, pkgs []string, dir string) ([]built, error) {
	if len(pkgs) == 0 {
		return nil, nil
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return nil, err
	}
	var all []built
	for i, pkg := range pkgs {
		b, err := listPackage(ctx, root, pkg)
		if err != nil {
			return nil, err
		}
		name := path.Base(b.Package)
		b.file = filepath.Join(dir, fmt.Sprint(i), name)
		b.Path = guestBin + "/" + fmt.Sprint(i) + "/" + name
		cmd := goCommand(ctx, root, "build", "-o", b.file, b.Package)
		cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
		if output, err := cmd.CombinedOutput(); err != nil {
			return nil, buildFailure(pkg, err, output)
		}
		all = append(all, b)
	}
	return all, nil
}

func buildFailure(pkg string, err error, output []byte) error {
	f := failure(badRequest, fmt.Sprintf("-build %s: go build: %v", pkg, err), "")
	f.detail = string(output)
	return f
}

func goCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PWD="+dir)
	return cmd
}

// moduleRoot returns the folder of the main module's go.mod.
func moduleRoot(ctx context.Context) (string, error) {
	stdout, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	gomod := strings.TrimSpace(string(stdout))
	if err != nil {
		return "", failure(badRequest, fmt.Sprintf("-build needs the go command: %v", err), "put go on the PATH")
	}
	if gomod == "" || gomod == os.DevNull {
		return "", failure(badRequest, "-build found no go.mod in this folder or above it", "run it inside of a Go module")
	}
	return filepath.Dir(gomod), nil
}

func listPackage(ctx context.Context, root, pkg string) (built, error) {
	var b built
	cmd := goCommand(ctx, root, "list", "-deps", "-json=Dir,ImportPath,Name,DepOnly,Standard,GoFiles,CgoFiles,"+
		"SFiles,EmbedFiles,HFiles,CFiles,Module", "--", pkg)
	cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
	stdout, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return b, buildFailure(pkg, err, exit.Stderr)
		}
		return b, buildFailure(pkg, err, nil)
	}
	named := 0
	for dec := json.NewDecoder(bytes.NewReader(stdout)); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			return b, fmt.Errorf("read the output of go list: %w", err)
		}
		if !p.DepOnly {
			named++
			if p.Name != "main" {
				return b, failure(badRequest, fmt.Sprintf("-build %s: package %s is not a main package", pkg, p.ImportPath), "")
			}
			b.Package, b.Dir = p.ImportPath, p.Dir
		}
		if p.Standard || p.Module == nil || !p.Module.Main {
			continue
		}
		for _, files := range [][]string{p.GoFiles, p.CgoFiles, p.SFiles, p.EmbedFiles, p.HFiles, p.CFiles} {
			for _, f := range files {
				b.sources = append(b.sources, filepath.Join(p.Dir, f))
			}
		}
	}
	if named != 1 {
		return b, failure(badRequest, fmt.Sprintf("-build %s names %d packages", pkg, named), "name one main package")
	}
	b.sources = append(b.sources, filepath.Join(root, "go.mod"), filepath.Join(root, "go.sum"))
	return b, nil
}

// manifest is the JSON of what OOMCAGE_BUILT names.
func manifest(all []built) ([]byte, error) {
	packages := make([]builtPackage, 0, len(all))
	for _, b := range all {
		packages = append(packages, b.builtPackage)
	}
	return json.Marshal(packages)
}
