package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"oomcage/harness/internal/nearest"
)

// programFirst marks a command whose flags end at its first argument: the rest belongs to the program
// that it runs.
const programFirst = "program-first"

// doubleDashes turns -flag into --flag, so that flags can be written as everywhere else in Go. What
// belongs to the program that a command runs is left alone.
func doubleDashes(root *cobra.Command, args []string) []string {
	out := make([]string, 0, len(args))
	cmd := root
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			return append(out, args[i:]...)
		case len(arg) < 2 || arg[0] != '-':
			if sub := subcommand(cmd, arg); sub != nil {
				cmd = sub
			} else if cmd.Annotations[programFirst] != "" {
				return append(out, args[i:]...)
			}
			out = append(out, arg)
			continue
		}
		name, _, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		flag := lookup(cmd, name)
		if len(name) > 1 && !strings.HasPrefix(arg, "--") && (flag != nil || cmd.Flags().ShorthandLookup(name[:1]) == nil) {
			arg = "-" + arg
		}
		if flag == nil {
			out = append(out, arg)
			continue
		}
		out = append(out, arg)
		if !hasValue && flag.NoOptDefVal == "" && i+1 < len(args) {
			i++
			out = append(out, args[i])
		}
	}
	return out
}

func subcommand(cmd *cobra.Command, name string) *cobra.Command {
	for _, sub := range cmd.Commands() {
		if sub.Name() == name || sub.HasAlias(name) {
			return sub
		}
	}
	return nil
}

func lookup(cmd *cobra.Command, name string) *pflag.Flag {
	if len(name) == 1 {
		return cmd.Flags().ShorthandLookup(name)
	}
	if name == "help" {
		cmd.InitDefaultHelpFlag()
	}
	return cmd.Flag(name)
}

// explainFlag says which flag may have been meant by one that is unknown.
func explainFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		if name := nearest.Of(unknown.GetSpecifiedName(), known); name != "" {
			err = fmt.Errorf("%w; did you mean --%s?", err, name)
		}
	}
	return usageError{err}
}

// atLeastOne refuses a command line without arguments, and says so.
func atLeastOne(missing string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return errors.New(missing)
		}
		return nil
	}
}
