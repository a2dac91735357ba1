//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"oomcage/harness"
	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
)

// fileFlags say what is done with specs as files, beside running them.
type fileFlags struct {
	only        []string
	save        string
	junit, html string // of run
}

// front is what the context of a command has that a suite runs.
type front struct {
	check    bool               // do not run it, but say whether it could be
	outcomes []*harness.Outcome // that came of it
	said     map[string]bool    // by the runs of one command line
}

type frontKey struct{}

func frontOf(ctx context.Context) *front {
	f, _ := ctx.Value(frontKey{}).(*front)
	return f
}

// checking reports whether a command is not to run what it has understood.
func checking(ctx context.Context) bool {
	f := frontOf(ctx)
	return f != nil && f.check
}

// firstToSay reports whether nothing has been said yet of this by any run of the command line.
func firstToSay(ctx context.Context, what string) bool {
	f := frontOf(ctx)
	if f == nil || f.said == nil {
		return true
	}
	first := !f.said[what]
	f.said[what] = true
	return first
}

// tell hands an outcome to the suite.
func tell(ctx context.Context, o *harness.Outcome) {
	if f := frontOf(ctx); f != nil {
		f.outcomes = append(f.outcomes, o)
	}
}

// entry is one run of a suite: a command with its flags, and the program.
type entry struct {
	name string
	cmd  *cobra.Command
	args []string
	from string // file and line; "" of a command line

	outcome *harness.Outcome // nil where there was none
	err     error
	took    time.Duration
	skipped bool
}

// file is the spec file that it is from; "" of a command line.
func (e *entry) file() string { return e.from[:max(strings.LastIndexByte(e.from, ':'), 0)] }

// failure says what was not as expected, or "".
func (e *entry) failure() string {
	var f failed
	if errors.As(e.err, &f) {
		return string(f)
	}
	return ""
}

// registerFiles adds the flags of specs as files. It comes last, as the flags that it is about come first.
func registerFiles(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArray("only", nil, "of the runs in spec files, only the one of this `NAME` (repeatable)")
	f.String("save", "", "write what this command line says as a spec into `FILE`, which ends in .yaml, and go on")
	if cmd.Name() == "run" {
		f.String("junit", "", "write what came of each run into `FILE`, as JUnit's XML")
		f.String("html", "", "write a page of all runs into `FILE`")
	}
}

func filesOf(cmd *cobra.Command) (files fileFlags) {
	f := cmd.Flags()
	files.only, _ = f.GetStringArray("only") // the errors are those of flags that are not there
	files.save, _ = f.GetString("save")
	files.junit, _ = f.GetString("junit")
	files.html, _ = f.GetString("html")
	return files
}

// withSpecFiles is a command that runs a program, or the specs in files.
func withSpecFiles(run func(cmd *cobra.Command, args []string) error) func(cmd *cobra.Command, args []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if frontOf(cmd.Context()) != nil {
			return run(cmd, args)
		}
		entries, err := entriesOf(cmd, args)
		if err != nil {
			return err
		}
		files := filesOf(cmd)
		if len(entries) > 1 && cmd.Name() != "run" {
			return usageError{fmt.Errorf("there are %d runs: name one by -only, of %s", len(entries), namesOf(entries))}
		}
		if err := files.check(entries); err != nil {
			return err
		}
		for i := range entries { // before anything is written or run
			if err := entries[i].execute(cmd.Context(), run, &front{check: true}); err != nil {
				return err
			}
		}
		if err := refuseEmpty(cmd); err != nil {
			return err
		}
		if files.save != "" {
			if err := saveSpecs(files.save, entries); err != nil {
				return err
			}
		}
		err = runAll(cmd, entries, run)
		return errors.Join(err, files.write(cmd.CommandPath(), entries))
	}
}

func namesOf(entries []entry) string {
	var names []string
	for _, e := range entries {
		names = append(names, e.name)
	}
	return strings.Join(names, ", ")
}

// execute runs one.
func (e *entry) execute(ctx context.Context, run func(cmd *cobra.Command, args []string) error, f *front) error {
	e.cmd.SetContext(context.WithValue(ctx, frontKey{}, f))
	var err error
	if e.from != "" {
		err = e.cmd.RunE(e.cmd, e.args)
	} else {
		err = run(e.cmd, e.args)
	}
	var usage usageError
	if e.from != "" && errors.As(err, &usage) {
		return usageError{fmt.Errorf("%s: %w", e.from, err)}
	}
	return err
}

// runAll runs one after the other. What was not as expected does not keep the others from being run; what can be nowhere
// here does, and so does the end of the command.
func runAll(cmd *cobra.Command, entries []entry, run func(cmd *cobra.Command, args []string) error) error {
	out := cmd.OutOrStdout()
	if asJSON, _ := cmd.Flags().GetBool("json"); asJSON || len(entries) == 1 {
		out = io.Discard
	}
	var stopped error
	said := map[string]bool{}
	for i := range entries {
		e := &entries[i]
		if stopped != nil {
			e.skipped = true
			continue
		}
		fmt.Fprintf(out, "== %s\n", printable.Line(e.name))
		f, begin := &front{said: said}, time.Now()
		e.err = e.execute(cmd.Context(), run, f)
		e.took = time.Since(begin)
		if len(f.outcomes) > 0 {
			e.outcome = f.outcomes[0]
		}
		if isNotSupported(e.err) || cmd.Context().Err() != nil {
			stopped = e.err
		}
		if e.err != nil && e.failure() == "" && len(entries) > 1 && stopped == nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s: %s\n", cmd.CommandPath(), e.name, printable.Indented(advised(e.err)))
		}
		fmt.Fprintln(out)
	}
	switch {
	case stopped != nil:
		return stopped
	case len(entries) == 1:
		return entries[0].err
	}
	return conclude(entries, out)
}

// conclude prints a line for each run, and says which were not as expected.
func conclude(entries []entry, out io.Writer) error {
	var unmet, unmade []string
	width := 0
	for _, e := range entries {
		width = max(width, len([]rune(printable.Line(e.name))))
	}
	for _, e := range entries {
		verdict, why := "none", e.failure()
		if e.outcome != nil {
			verdict = string(e.outcome.Verdict)
		}
		switch {
		case e.err == nil:
			why = "as expected"
		case why != "":
			unmet = append(unmet, e.name)
		default:
			unmade = append(unmade, e.name)
			why = "it could not be run: " + e.err.Error()
		}
		fmt.Fprintf(out, "%-*s  %-*s  %s\n", width, printable.Line(e.name), verdictWidth, verdict, printable.Line(why))
	}
	switch {
	case len(unmade) > 0:
		return fmt.Errorf("of %s %d could not be made: %s", human.Count(len(entries), "run"), len(unmade), strings.Join(unmade, ", "))
	case len(unmet) > 0:
		return failed(fmt.Sprintf("of %s %d not as expected: %s", human.Count(len(entries), "run"), len(unmet), strings.Join(unmet, ", ")))
	}
	return nil
}
