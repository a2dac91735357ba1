//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"oomcage/harness"
	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/report"
	"oomcage/harness/sweep"
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
		if cmd.Name() == "run" {
			for i := range entries {
				if err := entries[i].execute(cmd.Context(), run, &front{check: true}); err != nil {
					return err
				}
			}
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

// entriesOf are the runs that a command line asks for.
func entriesOf(cmd *cobra.Command, args []string) ([]entry, error) {
	if cmd.ArgsLenAtDash() == 0 || !isSpecFile(args[0]) {
		if only, _ := cmd.Flags().GetStringArray("only"); len(only) > 0 {
			return nil, usageError{errors.New("-only chooses of the runs in spec files, and there is none")}
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
			return nil, usageError{fmt.Errorf("%s: a run of another file has the name %q too", e.from, e.name)}
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
	name := r.value("name")
	if name == "" {
		name = strings.TrimSuffix(filepath.Base(r.file), filepath.Ext(r.file))
	}
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
			return nil, nil, usageError{errors.New("there is no program after --")}
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
		i := slices.IndexFunc(runs, func(r specRun) bool { return r.value("name") == name })
		if i < 0 {
			var known []string
			for _, r := range runs {
				known = append(known, r.value("name"))
			}
			return nil, usageError{fmt.Errorf("-only %q: no run has that name, of %s", name, strings.Join(known, ", "))}
		}
		some = append(some, runs[i])
	}
	return some, nil
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
	for i := range entries {
		e := &entries[i]
		if stopped != nil {
			e.skipped = true
			continue
		}
		fmt.Fprintf(out, "== %s\n", printable.Line(e.name))
		f, begin := new(front), time.Now()
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
	if stopped != nil || len(entries) == 1 {
		return errors.Join(stopped, entries[0].errAlone(stopped))
	}
	return conclude(entries, out)
}

// errAlone is the error of a run that is the only one, where it did not stop the others.
func (e *entry) errAlone(stopped error) error {
	if stopped != nil {
		return nil
	}
	return e.err
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
		return fmt.Errorf("of %d runs %d could not be made: %s", len(entries), len(unmade), strings.Join(unmade, ", "))
	case len(unmet) > 0:
		return failed(fmt.Sprintf("of %s %d not as expected: %s", human.Count(len(entries), "run"), len(unmet), strings.Join(unmet, ", ")))
	}
	return nil
}

// write writes what the flags ask for of all runs.
func (f fileFlags) write(suite string, entries []entry) error {
	var errs []error
	if f.junit != "" {
		text, err := junitOf(suite, entries)
		if err == nil {
			err = writeWhole(f.junit, text)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("write the JUnit file: %w", err))
		}
	}
	if f.html != "" {
		var page bytes.Buffer
		err := report.Write(&page, pageOf(entries), report.HTML)
		if err == nil {
			err = writeWhole(f.html, page.Bytes())
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("write the page: %w", err))
		}
	}
	return errors.Join(errs...)
}

// pageOf is what the page shows: the outcomes, and what of them was not as expected. The checks of a sweep are about points
// that differ in their limits, which runs of a suite are not.
func pageOf(entries []entry) *report.Set {
	var outcomes []*harness.Outcome
	var unexpected []sweep.Finding
	for _, e := range entries {
		if e.outcome == nil {
			continue
		}
		outcomes = append(outcomes, e.outcome)
		if why := e.failure(); why != "" {
			unexpected = append(unexpected, sweep.Finding{Check: "expected", Points: []string{e.outcome.Name}, Text: e.outcome.Name + ": " + why})
		}
	}
	set := report.NewSet(outcomes)
	set.Findings, set.ShowSecrets = unexpected, true // the outcomes are what was shown
	return set
}
