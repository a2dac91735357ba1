//go:build linux

package main

import (
	"errors"
	"os"

	"oomcage/harness"
	"oomcage/harness/internal/vm"
)

// asGuest ends the process where it is no command: the init of a microVM, or the shell that it lacks.
func asGuest() {
	if vm.InGuest() {
		vm.Init()
	}
	if code, yes := vm.NoShell(os.Args, os.Stderr); yes {
		os.Exit(code)
	}
}

// isNotSupported reports whether a machine cannot have cages.
func isNotSupported(err error) bool { return errors.Is(err, harness.ErrNotSupported) }
