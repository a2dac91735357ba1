//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"oomcage/harness/internal/printable"
	"oomcage/harness/internal/vm"
)

// missingTarget looks on the host for the program that oomcage is to run in the guest, before one boots: the service that was not built
// yet. Whatever may come from elsewhere is left to the guest: a path from the root or without a slash, and where packages are built or
// files are put to paths of their own.
func missingTarget(o vm.Options) error {
	renamed := func(add string) bool { return strings.Contains(add, ":") }
	if len(o.Build) > 0 || slices.ContainsFunc(o.Add, renamed) {
		return nil
	}
	target := targetOf(o.Args)
	if !strings.Contains(target, "/") || filepath.IsAbs(target) {
		return nil
	}
	if _, err := os.Stat(target); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return usageError{fmt.Errorf("%s is not here: build it first (go build -o %s …)", printable.Line(target), printable.Line(filepath.Clean(target)))}
}

// targetOf is the program that oomcage runs with these arguments; "" where it runs none, or one that is not a file here: a container's, one
// that a spec names, or one of another folder.
func targetOf(args []string) string {
	root := newRootCommand(io.Discard, io.Discard)
	cmd, rest, err := root.Find(doubleDashes(root, args))
	if err != nil || !slices.Contains([]string{"run", "sweep", "bisect"}, cmd.Name()) || cmd.ParseFlags(rest) != nil {
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
