//go:build linux

package main

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"oomcage/harness"
	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/sweep"
)

const bisectLong = `bisect finds the smallest memory.max at which PROGRAM survives its load: all of its -steps or, without a
step, its own work, to exit code 0. Then it says what to write into a manifest.

  oomcage bisect --post /upload --steps 20 -- ./service -addr '$ADDR'
  oomcage bisect --lo 4M --hi 256M --tolerance 1M --parallel 1 --headroom 10% --format systemd -- sort -o /dev/null words
  oomcage bisect spec.yaml --steps 3 --lo 24M --hi 64M --tolerance 8M

It begins at the upper end and goes on where the memory of what survived points, one run at each limit. In the end -repeat
runs of as many have survived at the answer and at the limit above, and not at the one below. Where the runs at a limit do
not agree, -confirm runs are made at the ends of that border, which is then given as a range, with how often a run survives at
the answer (95 % confidence). Where a limit survives and a higher one does not, there is a warning, and the answer is above
both.

-max-latency, -max-pressure, -max-refaults and -min-throughput ask for more than survival. There are two answers then: the
limit at which it lives, and the one from which on it is well, which is what to write.

  oomcage bisect --hi 256M --max-latency p99=5s --max-pressure 50% --max-refaults 1000 --min-throughput 0.1/s \
      --post /upload --steps 6 --repeat 2 --confirm 4 -- ./service -addr '$ADDR'

-axis makes a table of answers. Runs are made in parallel, as a sweep's are, and with -o kept in a file of results, with
which -resume goes on; oomcage report draws it.

  oomcage bisect --hi 256M --axis GOGC=25,100 --post /upload --steps 6 --repeat 1 -o results.jsonl --resume --rebuilt \
      --format json -- ./service -addr '$ADDR'

-format kubernetes, compose and systemd print nothing but the lines to write, and the runs to stderr. They have the answer
and -headroom above it. Where PROGRAM is known to be of Go, a JVM or Node, and was not told a limit, its own setting is
there too, which no run has tried: do so with -env.

A run also fails where memory is not the cause: an answer of 404, an exit by itself. At the upper end that
ends the search, since no limit would help; below it there is a warning. The end of what the program printed
then stands below its line.`

// bisectFlags are the flags of a search beside those of its spec.
type bisectFlags struct {
	search   sweep.Search
	step     harness.Bytes
	axes     []string
	works    worksFlags
	headroom percent
	format   string
	asJSON   bool
	out      string
	resume   bool
	rebuilt  bool
	parallel int
	command  []string // that has these flags
}

func newBisectCommand() *cobra.Command {
	var what specFlags
	var limits limitFlags
	o := bisectFlags{headroom: 0.2}
	cmd := programCommand("bisect", "Find the smallest memory.max that a program survives", bisectLong, func(cmd *cobra.Command, args []string) error {
		code, err := o.complete(cmd.Context(), &what, limits, args)
		if err != nil || checking(cmd.Context()) {
			return err
		}
		what.tellFrom(cmd, o.search.Grid.Spec)
		warn(cmd.ErrOrStderr(), cmd.CommandPath(), o.search.Grid.Spec)
		o.command = wholeCommand("bisect", cmd.Flags(), args)
		return o.bisect(cmd.Context(), sweep.Options{Code: code, ShowSecrets: what.showSecrets}, cmd.OutOrStdout(), cmd.ErrOrStderr())
	})
	f := cmd.Flags()
	f.Var(&o.search.Lo, "lo", "lowest memory.max to try (default: the tolerance)")
	f.Var(&o.search.Hi, "hi", "highest memory.max to try (default: what the machine spares for one cage; with -resume the highest in the file)")
	f.Var(&o.search.Tolerance, "tolerance", "how far above the smallest limit the answer may lie (default 1MiB)")
	f.IntVar(&o.search.Grid.Repeat, "repeat", 3, "`N` runs must survive at a limit, of as many")
	f.IntVar(&o.search.Confirm, "confirm", 0, "`N` runs where runs at a limit do not agree (default: five times -repeat)")
	o.works.register(f)
	f.Var(&o.headroom, "headroom", "how much above the answer the limit to write is, as 20%")
	f.StringVar(&o.format, "format", formatText, "what to print: "+strings.Join(answerFormats, ", "))
	f.BoolVar(&o.asJSON, "json", false, "the same as -format json: each answer as a line of JSON")
	f.StringArrayVar(&o.axes, "axis", nil, "an answer for each of these, as `NAME=VALUES` (repeatable; oomcage help axes)")
	f.StringVarP(&o.out, "out", "o", "", "`FILE` of results, one outcome a line (default: none is kept)")
	f.BoolVar(&o.resume, "resume", false, "go on with that file")
	f.BoolVar(&o.rebuilt, "rebuilt", false, "with -resume: go on though PROGRAM has changed since, and mix the outcomes of both")
	f.IntVar(&o.parallel, "parallel", 0, "`N` runs at once at most (default: as many as there are CPUs; 1 where times are asked about)")
	limits.register(cmd, false)
	what.register(cmd)
	f.Var(&o.step, "step", "what one step takes: $step in the load")
	registerFiles(cmd)
	return cmd
}

// complete makes the search of the flags, and refuses what makes no sense.
func (o *bisectFlags) complete(ctx context.Context, what *specFlags, limits limitFlags, args []string) (sweep.Code, error) {
	refuse := func(format string, args ...any) (sweep.Code, error) {
		return sweep.Code{}, usageError{fmt.Errorf(format, args...)}
	}
	s := &o.search
	spec, load, err := what.spec(ctx, args)
	if err != nil {
		return sweep.Code{}, err
	}
	spec.Limits.Max = 0 // a manifest's: it is what is searched
	limits.setTo(&spec.Limits, what.flags.Changed)
	spec.Load.Bytes = o.step
	s.Grid.Spec, s.Grid.Step = spec, load
	s.Grid.Axes = nil
	for _, text := range o.axes {
		axis, err := sweep.ParseAxis(text, 0)
		if err != nil {
			return refuse("%w", err)
		}
		s.Grid.Axes = append(s.Grid.Axes, axis)
	}
	if o.asJSON && o.format == formatText {
		o.format = formatJSON
	}
	switch {
	case s.Grid.Repeat < 1:
		return refuse("-repeat is %d: each limit is run once at least", s.Grid.Repeat)
	case s.Confirm != 0 && s.Confirm < s.Grid.Repeat:
		return refuse("-confirm is %d, and -repeat %d: where runs do not agree more of them tell more, not fewer", s.Confirm, s.Grid.Repeat)
	case o.parallel < 0:
		return refuse("-parallel is %d: it must not be negative", o.parallel)
	case !slices.Contains(answerFormats, o.format):
		return refuse("there is no format %q: take one of %s", o.format, strings.Join(answerFormats, ", "))
	case o.asJSON && o.format != formatJSON:
		return refuse("-json and -format %s are two formats: give one of them", o.format)
	case o.resume && o.out == "":
		return refuse("-resume goes on with a file of results: name it by -o")
	case o.rebuilt && !o.resume:
		return refuse("-rebuilt says how to go on, and without -resume nothing is gone on with: give both, or neither")
	}
	if s.Criteria, err = o.works.works(); err != nil {
		return refuse("%w", err)
	}
	code := what.code()
	if err := s.Validate(code); err != nil {
		return refuse("%w", err)
	}
	return code, nil
}

// bisect searches and prints the answers.
func (o *bisectFlags) bisect(ctx context.Context, run sweep.Options, stdout, stderr io.Writer) (err error) {
	lines := stdout
	if o.format != formatText {
		lines = stderr
	}
	show := newSearchPrinter(o.format == formatJSON, lines, stderr)
	run.Done, run.Command, run.Parallel = show.done, o.command, o.parallel
	if o.parallel == 0 && o.search.Criteria.Timed() {
		run.Parallel = 1
	}
	if o.out != "" {
		if run.Results, err = openResults(o.out, o.resume); err != nil {
			return err
		}
		run.Results.Rebuilt = o.rebuilt
		if hidden := hiddenNames(o.search.Grid.Spec.Target.Env); o.resume && len(hidden) > 0 {
			fmt.Fprintf(stderr, "oomcage bisect: %s: results do not have the values of secrets, so they are taken to be what they were\n", strings.Join(hidden, ", "))
		}
		end := run.Results.Close
		defer func() {
			if show.count == 0 {
				end = run.Results.Discard
			}
			err = errors.Join(err, end())
		}()
	}
	answers, err := sweep.Bisect(ctx, o.search, run)
	p := answerPrinter{o.search, float64(o.headroom), stdout, stderr}
	if err != nil {
		p.soFar(answers)
		if o.out != "" && show.count > 0 {
			fmt.Fprintf(stderr, "oomcage bisect: %s has %s; go on with -resume\n", printable.Line(o.out), human.Count(show.count, "outcome"))
		}
		return asUsage(err)
	}
	if err := p.print(o.format, answers); err != nil {
		return fmt.Errorf("print the answer: %w", err)
	}
	return p.failure(answers)
}

// openResults opens the file of results, with the advice that a command line can follow.
func openResults(path string, resume bool) (*sweep.Results, error) {
	open := sweep.Create
	if resume {
		open = sweep.Resume
	}
	results, err := open(path)
	if errors.Is(err, os.ErrExist) {
		return nil, usageError{fmt.Errorf("%w; go on with it by -resume, or name another file", err)}
	}
	if err != nil {
		return nil, asUsage(err)
	}
	return results, nil
}

// runtimeOf is the runtime of the program that was run, or "".
func runtimeOf(a *sweep.Answer, s sweep.Search) string {
	if len(a.Trials) > 0 && len(a.Trials[0].Outcomes) > 0 { // all have the same executable
		if _, err := buildinfo.ReadFile(a.Trials[0].Outcomes[0].Executable.Path); err == nil {
			return sweep.RuntimeGo
		}
	}
	return a.RuntimeOf(s.Grid.Spec.Target)
}

// percent is a share that is written as 20%.
type percent float64

// String is what Set reads.
func (p *percent) String() string {
	return strconv.FormatFloat(100*float64(*p), 'g', 6, 64) + "%"
}

// Set reads "20%". Without the sign nobody knows whether 0.2 is a fifth, or less than nothing.
func (p *percent) Set(text string) error {
	number, ok := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(n >= 0 && n <= 1000) {
		return errors.New("it looks like 20%, and is not negative")
	}
	*p = percent(n / 100)
	return nil
}

// Type names the value in help texts of pflag.
func (*percent) Type() string { return "PERCENT" }
