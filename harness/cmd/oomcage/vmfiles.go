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

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"oomcage/harness/internal/printable"
	"oomcage/harness/internal/unitname"
	"oomcage/harness/internal/vm"
	"oomcage/harness/manifest"
)

// ofOomcage refuses what could not succeed where oomcage itself runs in the guest, and names the files that it writes.
func ofOomcage(o *vm.Options) error {
	if err := missingTarget(*o); err != nil {
		return err
	}
	if err := checkInputs(*o); err != nil {
		return err
	}
	o.Results = resultsOf(o.Args)
	outputs := outputsOf(o.Args)
	for _, output := range outputs {
		o.Outputs = append(o.Outputs, output.file)
	}
	return checkOutputs(outputs, o.Results)
}

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

// checkInputs looks on the host for the files that oomcage is to read in the guest: its specs, and what flags name. The guest would say that
// they are to be added, and what is not here, or cannot be read, cannot be. Files that are put to paths of their own are left to the guest.
func checkInputs(o vm.Options) error {
	if slices.ContainsFunc(o.Add, isRenamed) {
		return nil
	}
	for _, file := range inputsOf(o.Args) {
		if err := readable(file); err != nil {
			return err
		}
	}
	return nil
}

// isRenamed reports whether what is added has another path in the guest.
func isRenamed(add string) bool { return strings.Contains(add, ":") }

// inputsOf are the files that oomcage reads with these arguments, but for the program.
func inputsOf(args []string) (files []string) {
	cmd := parsedFor(args)
	if cmd == nil || !slices.Contains(runners, cmd.Name()) {
		return nil
	}
	if cmd.ArgsLenAtDash() != 0 {
		for _, arg := range cmd.Flags().Args() {
			if !isSpecFile(arg) {
				break
			}
			files = append(files, arg)
		}
	}
	for _, name := range []string{"from", "stdin", "ca"} {
		if value, err := cmd.Flags().GetString(name); err == nil && value != "" {
			if name == "from" {
				value = ofInstance(manifest.File(value))
			}
			files = append(files, value)
		}
	}
	return files
}

// ofInstance is the file of a manifest, or the template of a unit that has none of its own: web@.service for web@1.service.
func ofInstance(file string) string {
	dir, name := filepath.Split(file)
	for _, n := range unitname.Files(name) {
		if _, err := os.Stat(dir + n); err == nil {
			return dir + n
		}
	}
	return file
}

// readable returns why a file cannot go along into the guest, or nil.
func readable(file string) error {
	info, err := os.Stat(file)
	if err == nil && info.Mode().IsRegular() { // to open a pipe would wait
		var f *os.File
		if f, err = os.Open(file); err == nil {
			return f.Close()
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return usageError{fmt.Errorf("%s is not here: name a file of this machine, from the working directory on", printable.Line(file))}
	case errors.Is(err, fs.ErrPermission):
		return usageError{fmt.Errorf("%s cannot be read, so it cannot go along into the microVM: %w: give this user the right to read it", printable.Line(file), fs.ErrPermission)}
	}
	return nil
}
