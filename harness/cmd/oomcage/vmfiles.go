//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"oomcage/harness/internal/printable"
	"oomcage/harness/internal/vm"
)

// parsedFor parses the arguments of oomcage, in the guest, as they will be there; nil where they make no sense.
func parsedFor(args []string) *cobra.Command {
	root := newRootCommand(io.Discard, io.Discard)
	cmd, rest, err := root.Find(doubleDashes(root, args))
	if err != nil || cmd.ParseFlags(rest) != nil {
		return nil
	}
	return cmd
}

// resultsOf names the file of results of an oomcage sweep with these arguments. If there is one, it must go
// along into the guest, to be gone on with or to be in the way.
func resultsOf(args []string) []string {
	cmd := parsedFor(args)
	if cmd == nil || cmd.Flags().Lookup("resume") == nil {
		return nil
	}
	out, err := cmd.Flags().GetString("out")
	if err != nil || out == "" {
		return nil
	}
	return []string{out}
}

// outputFlag is a flag that names a file to be written.
type outputFlag struct{ flag, file string }

// outputsOf are the flags of these arguments of oomcage that name files which it writes. Elsewhere -output is a regular expression.
func outputsOf(args []string) (all []outputFlag) {
	cmd := parsedFor(args)
	if cmd == nil {
		return nil
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		writes := slices.Contains([]string{"out", "save", "junit", "html"}, f.Name) || f.Name == "output" && f.Shorthand == "o"
		file := f.Value.String()
		if f.Value.Type() != "string" || !writes || file == "" {
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand
		}
		all = append(all, outputFlag{name, file})
	})
	return all
}

// checkOutputs refuses files that cannot be made on the host: the guest would run to its end for them. One that is there, and grows, is
// written where it is.
func checkOutputs(outputs []outputFlag, growing []string) error {
	for _, o := range outputs {
		if info, err := os.Stat(o.file); err == nil && !info.Mode().IsRegular() {
			continue // a pipe, for example: said in the guest
		}
		if slices.Contains(growing, o.file) {
			if f, err := os.OpenFile(o.file, os.O_WRONLY, 0); err == nil {
				f.Close()
				continue
			}
		}
		if err := vm.Creatable(o.file); err != nil {
			return usageError{fmt.Errorf("%s cannot be written: %w: name a path elsewhere (%s FILE), or cd to a folder that you may write to",
				printable.Line(o.file), err, o.flag)}
		}
	}
	return nil
}
