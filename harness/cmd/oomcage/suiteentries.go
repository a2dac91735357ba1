//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// entriesOf are the runs that a command line asks for.
func entriesOf(cmd *cobra.Command, args []string) ([]entry, error) {
	if len(args) == 0 || cmd.ArgsLenAtDash() == 0 || !isSpecFile(args[0]) {
		if only, _ := cmd.Flags().GetStringArray("only"); len(only) > 0 {
			return nil, usageError{errors.New("-only chooses of the runs in spec files, and there is none: name one before it, as in suite.yaml")}
		}
		return []entry{{name: cmd.Name(), cmd: cmd, args: args}}, nil
	}
	paths, program, err := specArguments(cmd, args)
	if err != nil {
		return nil, err
	}
	var runs []specRun
	for _, path := range paths {
		more, err := readSpecFile(path)
		if err != nil {
			return nil, err
		}
		runs = append(runs, more...)
	}
	if runs, err = chosen(runs, filesOf(cmd).only); err != nil {
		return nil, err
	}
	if program != nil && len(runs) > 1 {
		return nil, usageError{fmt.Errorf("the program after -- would be that of %d runs: name one by -only", len(runs))}
	}
	var entries []entry
	for _, r := range runs {
		e, err := r.entry(cmd, program)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(entries, func(b entry) bool { return b.name == e.name }) {
			return nil, usageError{fmt.Errorf("%s: a run of another file has the name %q too: give one of them another name", e.from, e.name)}
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// entry is a command of its own for a run, with the flags of the command line and of the file.
func (r specRun) entry(cmd *cobra.Command, program []string) (entry, error) {
	own := newSpecCommand(cmd.Name())
	parent := &cobra.Command{Use: cmd.Root().Name()}
	parent.AddCommand(own)
	parent.SetOut(cmd.OutOrStdout())
	parent.SetErr(cmd.ErrOrStderr())
	from := fmt.Sprintf("%s:%d", r.file, r.line)
	if err := copyGiven(cmd, own); err != nil {
		return entry{}, usageError{err}
	}
	if err := r.apply(own); err != nil {
		return entry{}, err
	}
	if program == nil {
		program = r.program
		for _, word := range program {
			if err := notHidden(word); err != nil {
				return entry{}, usageError{fmt.Errorf("%s: %s: %w", from, programKey, err)}
			}
		}
	}
	name := cmp.Or(r.ownName(), strings.TrimSuffix(filepath.Base(r.file), filepath.Ext(r.file)))
	return entry{name: name, cmd: own, args: program, from: from}, nil
}

// specArguments are the spec files of a command line, and the program that stands after -- in the place of theirs. Flags may
// stand between them.
func specArguments(cmd *cobra.Command, args []string) (files, program []string, err error) {
	for len(args) > 0 {
		switch {
		case args[0] == "--" && len(args) > 1:
			return files, args[1:], nil
		case args[0] == "--":
			return nil, nil, usageError{errors.New("there is no program after --: name it there, as in -- ./app")}
		case !strings.HasPrefix(args[0], "-") && isSpecFile(args[0]):
			files, args = append(files, args[0]), args[1:]
			continue
		case !strings.HasPrefix(args[0], "-"):
			return nil, nil, usageError{fmt.Errorf("%q stands behind a spec file, and is none: the program is the file's, or stands after --", args[0])}
		}
		if err := cmd.Flags().Parse(doubleDashes(cmd, args)); err != nil {
			return nil, nil, usageError{err}
		}
		args = cmd.Flags().Args()
		if cmd.Flags().ArgsLenAtDash() == 0 {
			args = append([]string{"--"}, args...)
		}
	}
	return files, nil, nil
}

// chosen are the runs of these names; all, where there are none.
func chosen(runs []specRun, names []string) ([]specRun, error) {
	if len(names) == 0 {
		return runs, nil
	}
	var some []specRun
	for _, name := range names {
		i := slices.IndexFunc(runs, func(r specRun) bool { return r.ownName() == name })
		if i < 0 {
			var known []string
			for _, r := range runs {
				known = append(known, r.ownName())
			}
			return nil, usageError{fmt.Errorf("-only %q: no run has that name, of %s", name, strings.Join(known, ", "))}
		}
		some = append(some, runs[i])
	}
	return some, nil
}
