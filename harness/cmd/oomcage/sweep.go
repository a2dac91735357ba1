//go:build linux

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"oomcage/harness"
	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/internal/secret"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

const sweepLong = `sweep runs PROGRAM at every point of a grid of limits and loads, several at once as far as memory
allows, and keeps each outcome in a file of results as soon as it is there.

  oomcage sweep --max 64MiB..256MiB+32MiB --step 10MiB,20MiB \
      --post '/generate-load/memory?bytes=$step' -- ./app -addr '$ADDR'
  oomcage sweep --max 64MiB..256MiB*2 --axis GOGC=off,100 --axis GOMEMLIMIT=48MiB,1GiB \
      --post '/generate-load/memory' --steps 20 -- ./app -addr '$ADDR'
  oomcage sweep spec.yaml --max 32MiB,48MiB

A flag that takes VALUES is an axis: a list, a range LO..HI+STEP, or LO..HI*FACTOR. What else can be one:
oomcage help axes.

On a terminal a bar shows how far it is, with the time left; elsewhere there is a line for each point.

The values of -env that look like secrets, by the name (API_TOKEN, PGPASSWORD) or as userinfo in a URL, are [hidden]
in results and reports, also where the program prints them; -show-secrets shows all. Arguments are hidden by their
shape alone (--db-password=…), and the values of an axis never: they name its points.

A sweep that was ended goes on with -resume, and repeats at most what was running. It does so only with a file of its
own results: of the same points, and of the same PROGRAM by the SHA-256 of its file, unless -rebuilt is given too. What
PROGRAM itself loads or starts, as a script does, is not looked at. -shard 0/4 runs every
fourth point from the first on, on one of four machines; without it, Bazel's, GitLab's, Buildkite's,
CircleCI's, Kubernetes' and Slurm's own variables say which machine this is. oomcage report puts the files
together, and draws them.

In the end all outcomes are checked: repeats that agree, loads that were taken, no end by anything but the
target and its own limit, kills where they were predicted, no fewer steps with more memory, as many as
the limit has room for, no point far from the others, nothing inconclusive.

With -json stdout has the outcomes and nothing else; what the checks find goes to stderr.`

// axisFlags are the flags of a sweep that are axes, and the axis of each.
var axisFlags = []struct{ name, axis, usage string }{
	{"max", "max", "memory.max: `VALUES`, such as 64MiB..256MiB+32MiB"},
	{"high", "high", "memory.high: `VALUES`"},
	{"low", "low", "memory.low: `VALUES`"},
	{"min", "min", "memory.min: `VALUES`"},
	{"swap", "swap", "memory.swap.max: `VALUES` (default 0, no swap)"},
	{"step", "step", "what one step takes, $step in the load: `VALUES`, such as 10MiB,20MiB"},
	{"kind", "kind", "kind of memory, $kind in the load: `VALUES`"},
}

// sweepFlags are the flags of a sweep beside those of its spec.
type sweepFlags struct {
	axes     []string // of axisFlags
	more     []string
	out      string
	resume   bool
	rebuilt  bool
	repeat   int
	parallel int
	shard    sweep.Shard
	force    bool
	asJSON   bool
	secrets  bool // are shown
	code     sweep.Code
	command  []string // that has these flags

	artifacts string // folder of what is captured
}

func newSweepCommand() *cobra.Command {
	var what specFlags
	o := sweepFlags{axes: make([]string, len(axisFlags))}
	cmd := programCommand("sweep", "Run a program over a grid of limits and loads", sweepLong, func(cmd *cobra.Command, args []string) error {
		o.secrets, o.code, o.artifacts = what.showSecrets, what.code(), what.artifacts
		points, err := o.points(cmd.Context(), &what, args)
		if err != nil || checking(cmd.Context()) {
			return err
		}
		var specs []outcome.Spec
		for _, p := range points {
			specs = append(specs, p.Spec)
		}
		what.tellFrom(cmd, specs[0])
		warn(cmd.ErrOrStderr(), cmd.CommandPath(), specs...)
		o.command = wholeCommand("sweep", cmd.Flags(), args)
		return o.sweep(cmd.Context(), points, cmd.OutOrStdout(), cmd.ErrOrStderr())
	})
	f := cmd.Flags()
	for i, a := range axisFlags {
		f.StringVar(&o.axes[i], a.name, "", a.usage)
	}
	f.StringArrayVar(&o.more, "axis", nil, "another axis, as `NAME=VALUES` (repeatable; oomcage help axes)")
	what.register(cmd)
	what.registerCapture(cmd, "beside the results")
	f.StringVarP(&o.out, "out", "o", "results.jsonl", "`FILE` of results, one outcome a line")
	f.BoolVar(&o.resume, "resume", false, "go on with that file")
	f.BoolVar(&o.rebuilt, "rebuilt", false, "with -resume: go on though PROGRAM has changed since, and mix the outcomes of both")
	f.IntVar(&o.repeat, "repeat", 1, "run each point `N` times")
	f.IntVar(&o.parallel, "parallel", 0, "`N` points at once at most (default: as many as there are CPUs)")
	f.Var(&o.shard, "shard", "run only the points of this shard, such as 0/4")
	f.BoolVar(&o.force, "force", false, fmt.Sprintf("take more than %d points", sweep.MaxPoints))
	f.BoolVar(&o.asJSON, "json", false, "print each outcome as a line of JSON")
	registerFiles(cmd)
	return cmd
}

// wholeCommand is the command line of a subcommand that all shards of a sweep share, and those that go on with it: without what says
// which part this process runs, and where its results go.
func wholeCommand(name string, flags *pflag.FlagSet, program []string) []string {
	words := []string{"oomcage", name}
	all := flags.Lookup("show-secrets")
	hides := all == nil || all.Value.String() != "true"
	flags.Visit(func(f *pflag.Flag) {
		if slices.Contains([]string{"shard", "out", "resume", "rebuilt", "artifacts", "only", "save"}, f.Name) {
			return
		}
		for _, value := range valuesOf(f) {
			if f.Name == "header" && hides {
				value = secret.Header(value)
			}
			switch word := "--" + f.Name; {
			case f.NoOptDefVal == "":
				words = append(words, word, value)
			case value == f.NoOptDefVal:
				words = append(words, word)
			default: // -oom-group=false: a word of its own would be taken for the program
				words = append(words, word+"="+value)
			}
		}
	})
	return append(append(words, "--"), program...)
}

// points makes the points of the whole grid.
func (o *sweepFlags) points(ctx context.Context, what *specFlags, args []string) ([]sweep.Point, error) {
	spec, load, err := what.spec(ctx, args)
	if err != nil {
		return nil, err
	}
	g := sweep.Grid{Spec: spec, Step: load, Repeat: o.repeat}
	if o.force {
		g.MaxPoints = 1 << 30
	}
	texts := o.more
	for i, a := range axisFlags {
		if what.flags.Changed(a.name) { // also as "", by a shell's variable that is not set: ParseAxis refuses it
			texts = append(texts, a.axis+"="+o.axes[i])
		}
	}
	for _, text := range texts {
		axis, err := sweep.ParseAxis(text, g.MaxPoints)
		if err != nil {
			return nil, usageError{orForce(err)}
		}
		g.Axes = append(g.Axes, axis)
	}
	points, err := g.Points()
	if err != nil {
		return nil, usageError{orForce(err)}
	}
	for _, p := range points {
		if err := p.Runnable(o.code).Validate(); err != nil {
			return nil, usageError{fmt.Errorf("the point %s: %w", p.Name, err)}
		}
	}
	if o.repeat < 1 {
		return nil, usageError{fmt.Errorf("-repeat is %d: each point is run once at least", o.repeat)}
	}
	if o.parallel < 0 {
		return nil, usageError{fmt.Errorf("-parallel is %d: it must not be negative", o.parallel)}
	}
	if o.shard.Total == 0 {
		if o.shard, err = sweep.ShardFromEnv(os.Getenv); err != nil {
			return nil, usageError{err}
		}
	}
	return points, nil
}

// orForce says what else helps against too many points.
func orForce(err error) error {
	if errors.Is(err, sweep.ErrTooMany) {
		return fmt.Errorf("%w, or -force", err)
	}
	return err
}

// sweep runs the shard's part of the points.
func (o *sweepFlags) sweep(ctx context.Context, all []sweep.Point, stdout, stderr io.Writer) (err error) {
	points := o.shard.Of(all)
	if len(points) == 0 {
		w := stdout
		if o.asJSON {
			w = stderr
		}
		fmt.Fprintf(w, "shard %s has no points: there are more shards than points\n", &o.shard)
		return nil
	}
	if o.rebuilt && !o.resume {
		return usageError{errors.New("-rebuilt says how to go on, and without -resume nothing is gone on with: give both, or neither")}
	}
	results, err := openResults(o.out, o.resume)
	if err != nil {
		return err
	}
	results.Rebuilt = o.rebuilt
	end := results.Close
	defer func() { err = errors.Join(err, end()) }()
	left := 0
	for _, p := range points {
		if kept, _ := results.Has(p); !kept { // its error is found again by Run
			left++
		}
	}
	if hidden := hiddenNames(points[0].Spec.Target.Env); len(hidden) > 0 && left < len(points) {
		fmt.Fprintf(stderr, "oomcage sweep: %s: results do not have the values of secrets, so they are taken to be what they were\n", strings.Join(hidden, ", "))
	}
	show := newProgress(len(points), left, o.asJSON, stdout)
	outcomes, err := sweep.Run(ctx, all, sweep.Options{
		Code: o.code, ShowSecrets: o.secrets,
		Artifacts: cmp.Or(o.artifacts, filepath.Join(filepath.Dir(o.out), "artifacts")),
		Parallel:  o.parallel, Results: results, Command: o.command, Shard: o.shard, Done: show.done,
	})
	unprinted := show.end()
	if err != nil {
		if kept := show.count; kept > 0 {
			fmt.Fprintf(stderr, "oomcage sweep: %s of %d are kept in %s; go on with -resume\n", human.Count(kept, "outcome"), len(points), printable.Line(o.out))
		} else {
			end = results.Discard // an empty file helps nobody
		}
		return asUsage(err)
	}
	if err := o.conclude(outcomes, stdout, stderr); unprinted == nil {
		return err
	}
	return fmt.Errorf("%w; all of them are in %s", unprinted, printable.Line(o.out))
}

// hiddenNames are the variables whose values are not kept in results.
func hiddenNames(env []string) []string {
	var names []string
	for _, entry := range env {
		if secret.Env(entry) != entry {
			name, _, _ := strings.Cut(entry, "=")
			names = append(names, name)
		}
	}
	return names
}

// conclude prints what was found.
func (o *sweepFlags) conclude(outcomes []*harness.Outcome, stdout, stderr io.Writer) error {
	found := sweep.Check(outcomes)
	w := stdout
	if o.asJSON {
		w = stderr
	} else {
		o.printCounts(outcomes, stdout)
	}
	for _, f := range found {
		fmt.Fprintf(w, "  %s\n", printable.Line(f.String()))
	}
	if len(found) > 0 {
		return failed("the checks found " + human.Count(len(found), "fault"))
	}
	if o.asJSON {
		return nil
	}
	if _, err := fmt.Fprintln(w, "The checks found nothing."); err != nil {
		return fmt.Errorf("print the end: %w", err)
	}
	return nil
}

// printCounts says how often there is each verdict.
func (o *sweepFlags) printCounts(outcomes []*harness.Outcome, w io.Writer) {
	verdicts := map[harness.Verdict]int{}
	for _, r := range outcomes {
		verdicts[r.Verdict]++
	}
	fmt.Fprintf(w, "\n%s in %s:", human.Count(len(outcomes), "outcome"), printable.Line(o.out))
	for _, v := range outcome.Verdicts() {
		if n := verdicts[v]; n > 0 {
			fmt.Fprintf(w, " %s %d", v, n)
		}
	}
	fmt.Fprintln(w)
}

// printJSON prints one line.
func printJSON(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err == nil {
		_, err = fmt.Fprintf(w, "%s\n", printable.JSON(line))
	}
	if err != nil {
		return fmt.Errorf("print the outcome: %w", err)
	}
	return nil
}
