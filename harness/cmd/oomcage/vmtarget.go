//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	shellquote "github.com/kballard/go-shellquote"

	"oomcage/harness/internal/printable"
	"oomcage/harness/internal/vm"
)

// missingTarget looks on the host for the program that oomcage is to run in the guest, before one boots: the service that was not built
// yet, or a program of the host that was not added. Whatever may come from elsewhere is left to the guest: a path from the root, a name
// where anything is added, and all where packages are built or files are put to paths of their own.
func missingTarget(o vm.Options) error {
	if len(o.Build) > 0 || slices.ContainsFunc(o.Add, isRenamed) {
		return nil
	}
	target := targetOf(o.Args)
	switch {
	case target == "" || filepath.IsAbs(target):
		return nil
	case !strings.Contains(target, "/"):
		return notAdded(target, o)
	}
	if _, err := os.Stat(target); !errors.Is(err, fs.ErrNotExist) {
		return readable(target)
	}
	return usageError{fmt.Errorf("%s is not here: build it first (go build -o %s …)", printable.Line(target), printable.Line(filepath.Clean(target)))}
}

// notAdded reports a program that is named without a path while nothing is added: the guest has oomcage alone, and what goes along of the
// working directory.
func notAdded(name string, o vm.Options) error {
	if len(o.Add) > 0 || name == filepath.Base(o.Program) {
		return nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return usageError{fmt.Errorf("%s is not in the microVM, and not in $PATH here: install it, and add it (oomcage vm -add FILE …)", printable.Line(name))}
	}
	if dir, err := os.Getwd(); err == nil && strings.HasPrefix(path, dir+"/") {
		return nil
	}
	return usageError{fmt.Errorf("%s is not in the microVM: add it (oomcage vm -add %s …)", printable.Line(name), printable.Line(shellquote.Join(path)))}
}

// runners are the commands that run a program.
var runners = []string{"run", "sweep", "bisect"}

// targetOf is the program that oomcage runs with these arguments; "" where it runs none, or one that is not a file here: a container's, one
// that a spec names, or one of another folder.
func targetOf(args []string) string {
	cmd := parsedFor(args)
	if cmd == nil || !slices.Contains(runners, cmd.Name()) {
		return ""
	}
	for _, elsewhere := range []string{"container", "from", "dir"} {
		if cmd.Flags().Changed(elsewhere) {
			return ""
		}
	}
	left := cmd.Flags().Args()
	if len(left) == 0 || slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(left[0])) {
		return ""
	}
	return left[0]
}

// meantItself is the error of a program that is not there, but has the name of one of oomcage's commands: "oomcage vm run …".
func meantItself(program string, err error) error {
	if root := newRootCommand(io.Discard, io.Discard); !errors.Is(err, exec.ErrNotFound) || subcommand(root, program) == nil {
		return err
	}
	return usageError{fmt.Errorf("there is no program %s; did you mean: oomcage vm -- oomcage %s …", program, program)}
}
