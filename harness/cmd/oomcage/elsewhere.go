//go:build !linux

package main

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"
)

func asGuest() {}

func isNotSupported(error) bool { return false }

// kernelsLine is empty, since there is no microVM.
func kernelsLine() string { return "" }

func newRunCommand() *cobra.Command {
	return onLinux("run", "Run a program in a cage and say how it ends")
}
func newWatchCommand() *cobra.Command {
	return onLinux("watch", "Say how what runs already comes to its end")
}
func newSweepCommand() *cobra.Command {
	return onLinux("sweep", "Run a program over a grid of limits and loads")
}
func newBisectCommand() *cobra.Command {
	return onLinux("bisect", "Find the smallest limit that a program survives")
}
func newDemoCommand() *cobra.Command { return onLinux("demo", "Show how the example service dies") }
func newKernelsCommand() *cobra.Command {
	return onLinux("kernels", "List, fetch and remove the kernels of the microVM")
}

func newDoctorCommand() *cobra.Command {
	return onLinux("doctor", "Say what works on this machine")
}

func newVMCommand(io.Writer) *cobra.Command {
	return onLinux("vm", "Run any of these, or go test, in a microVM")
}

func newSchemaCommand() *cobra.Command {
	return onLinux("schema", "Describe spec files to an editor")
}

// onLinux is a command that another machine has to run.
func onLinux(name, short string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short + " (on Linux)", DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error {
			return fmt.Errorf("it needs Linux, since a cage is a control group of its kernel, and this is %s: run it on a Linux machine; its results can be read here, with oomcage report and oomcage judge", runtime.GOOS)
		},
	}
}
