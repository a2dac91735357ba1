//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	shellquote "github.com/kballard/go-shellquote"
	"github.com/spf13/cobra"

	"oomcage/harness"
	"oomcage/harness/internal/guest"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// specFlags are the flags that say what is run, and under which load. run, sweep and bisect have them all.
type specFlags struct {
	loadFlags
	fromFlags

	env     []string
	dir     string
	user    string
	stdin   string
	noTHP   bool
	restart int

	untilEmpty bool

	container, engine string // image and engine
	port              int    // of the container

	ready    readyFlag
	timeout  time.Duration
	files    []string
	at       []string // changes of limits
	oomGroup bool

	readyTimeout time.Duration
	stop         stopFlag

	showSecrets bool

	capture, captureExec []string
	artifacts            string // folder of what is captured
}

// urlPath is what follows $ADDR in a URL.
type urlPath string

// String is the path, "" where none is given.
func (p *urlPath) String() string { return string(*p) }

// Set refuses what each request would be refused for.
func (p *urlPath) Set(text string) error {
	if err := (outcome.Request{Path: text}).Validate(); err != nil {
		return err
	}
	*p = urlPath(text)
	return nil
}

// Type names the value in help texts of pflag.
func (p *urlPath) Type() string { return "PATH" }

func (s *specFlags) register(cmd *cobra.Command) {
	s.registerFrom(cmd)
	s.loadFlags.register(cmd)
	f := cmd.Flags()
	s.registerReady(cmd)
	s.registerStop(cmd)
	f.StringArrayVar(&s.at, "at", nil, "change a limit during the run, as an in-place resize does: `WHEN:LIMIT=SIZE`, 10s:max=64M after it was ready, or step=20:high=48M (repeatable)")
	f.DurationVar(&s.timeout, "timeout", time.Minute, "time limit of one run")
	f.StringArrayVar(&s.env, "env", nil, "`NAME=VALUE` for the target's environment (repeatable)")
	f.BoolVar(&s.showSecrets, "show-secrets", false, "show all values of -env; else those that look like secrets are [hidden] in all that is printed and kept")
	f.IntVar(&s.restart, "restart", 0, "start the target again when it has died, `N` times, in the same cage")
	f.StringVar(&s.dir, "dir", "", "working directory of the target")
	f.BoolVar(&s.untilEmpty, "until-empty", false, "follow what the target leaves in its cage when it ends, as a program does that makes a daemon of itself")
	f.StringVar(&s.user, "user", "", "run the target as this `USER`, with its groups, or as UID:GID; takes root")
	f.StringVar(&s.stdin, "stdin", "", "`FILE` that the target reads (default: nothing)")
	f.BoolVar(&s.noTHP, "no-thp", false, "start the target without transparent huge pages (PR_SET_THP_DISABLE)")
	f.StringVar(&s.container, containerFlag, "", "run a container of this `IMAGE`, which is there already; PROGRAM and ARGS are the command in it")
	f.StringVar(&s.engine, "engine", "", "`ENGINE` of the container: podman or docker (default: podman, or else docker)")
	f.IntVar(&s.port, "port", 0, "the `PORT` on which the container listens in a network of its own (default: it has this machine's, and $ADDR)")
	f.BoolVar(&s.oomGroup, "oom-group", false, "memory.oom.group: an OOM kill takes all of the cage")
	f.StringArrayVar(&s.files, "file", nil, "another file of the cage, as `pids.max=64` (repeatable)")
}

// registerCapture adds the flags of what is fetched of the target before it is killed, and of where it is kept.
func (s *specFlags) registerCapture(cmd *cobra.Command, beside string) {
	f := cmd.Flags()
	f.StringArrayVar(&s.capture, "capture", nil, "fetch `PATH@FILL` of the target once memory.current is there: /debug/pprof/heap@90% of memory.max, or @64MiB (repeatable)")
	f.StringArrayVar(&s.captureExec, "capture-exec", nil, "keep what `COMMAND@FILL` prints, run then outside the cage, without a shell; $ADDR and $PID are the target's (repeatable)")
	f.StringVar(&s.artifacts, "artifacts", "", "`DIR` for what is captured (default: the folder artifacts "+beside+")")
}

// captureExample has a value of each flag of captures.
var captureExample = map[string]string{"capture": "/debug/pprof/heap@90%", "capture-exec": "'kill -USR1 $PID@90%'"}

// captures are what the flags want to be fetched of the target.
func (s *specFlags) captures() ([]outcome.Capture, error) {
	var all []outcome.Capture
	add := func(flag, text string, set func(c *outcome.Capture, what string) error) error {
		at := strings.LastIndexByte(text, '@')
		if at == 0 {
			return fmt.Errorf("-%s %q does not say what: it stands before the @, as in %s", flag, text, captureExample[flag])
		}
		if at < 0 && text == "" {
			return fmt.Errorf("-%s is empty: write it as %s", flag, captureExample[flag])
		}
		if at < 0 {
			return fmt.Errorf("-%s %q does not say when: write it as %s@90%%", flag, text, text)
		}
		var c outcome.Capture
		if err := errors.Join(set(&c, text[:at]), c.ParseFill(text[at+1:])); err != nil {
			return fmt.Errorf("-%s %q: %w", flag, text, err)
		}
		all = append(all, c)
		return nil
	}
	for _, text := range s.capture {
		if err := add("capture", text, func(c *outcome.Capture, what string) error {
			var path urlPath
			c.Get = what
			return path.Set(what)
		}); err != nil {
			return nil, err
		}
	}
	for _, text := range s.captureExec {
		if err := add("capture-exec", text, func(c *outcome.Capture, what string) (err error) {
			c.Exec, err = splitCommand(what)
			return err
		}); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// splitCommand takes a command line apart as a shell does, and refuses a program that is not there.
func splitCommand(text string) ([]string, error) {
	words, err := shellquote.Split(text)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 {
		return nil, errors.New("there is no command: write a program and its arguments")
	}
	if !strings.Contains(words[0], "$") { // $ADDR and the like are known when it runs
		if _, err := exec.LookPath(words[0]); err != nil {
			return nil, guest.ExplainMissing(err)
		}
	}
	return words, nil
}

// spec makes the spec and its load from the flags and the command line of the target.
func (s *specFlags) spec(ctx context.Context, args []string) (outcome.Spec, sweep.Template, error) {
	spec := outcome.Spec{
		Target: outcome.Target{
			Env: s.env, Dir: s.dir, User: s.user, Stdin: s.stdin, NoTHP: s.noTHP, Restart: s.restart,
			Image: s.container, Engine: s.engine, Port: s.port,
		},
		Timeout: s.timeout,
	}
	if len(args) > 0 {
		spec.Target.Path, spec.Target.Args = args[0], args[1:]
	}
	if s.timeout <= 0 {
		return spec, sweep.Template{}, usageError{fmt.Errorf("-timeout is %v: the time limit of a run must be above 0", s.timeout)}
	}
	if err := s.applyFrom(ctx, &spec); err != nil {
		return spec, sweep.Template{}, usageError{err}
	}
	if s.flags.Changed("oom-group") {
		spec.Limits.OOMGroup = s.oomGroup
	}
	for _, e := range s.env {
		if name, _, ok := strings.Cut(e, "="); !ok || name == "" {
			return spec, sweep.Template{}, usageError{fmt.Errorf("-env %q is not NAME=VALUE; it looks like GOGC=50", e)}
		}
	}
	for _, text := range s.files {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return spec, sweep.Template{}, usageError{fmt.Errorf("-file %q is not NAME=VALUE; it looks like pids.max=64", text)}
		}
		if spec.Limits.Files == nil {
			spec.Limits.Files = map[string]string{}
		}
		spec.Limits.Files[name] = value
	}
	for _, text := range s.at {
		changes, err := outcome.ParseChanges(text)
		if err != nil {
			return spec, sweep.Template{}, usageError{fmt.Errorf("-at %w", err)}
		}
		spec.Schedule = append(spec.Schedule, changes...)
	}
	load, err := s.apply(&spec)
	spec.Load.UntilEmpty = s.untilEmpty
	if err != nil {
		return spec, load, usageError{err}
	}
	if spec.Target.Capture, err = s.captures(); err != nil {
		return spec, load, usageError{err}
	}
	if err := errors.Join(s.checkReady(), s.checkStop()); err != nil {
		return spec, load, usageError{err}
	}
	spec.Stop = s.stop.stop
	spec.Target.ReadyName, spec.Target.ReadyTimeout = s.probe().name, s.readyTimeout
	return spec, load, nil
}

// warn says before a run what of the specs is sure to end otherwise than it may be meant: each only once.
func warn(w io.Writer, command string, specs ...outcome.Spec) {
	var said []string
	for _, s := range specs {
		for _, text := range s.Warnings() {
			if !slices.Contains(said, text) {
				fmt.Fprintf(w, "%s: warning: %s\n", command, printable.Line(text))
				said = append(said, text)
			}
		}
	}
}

// code is the probe that the flags ask for.
func (s *specFlags) code() sweep.Code { return sweep.Code{Ready: s.probe().probe} }

// specHelp is what the help of each command says of spec files.
const specHelp = `In the place of PROGRAM, a file that ends in .yaml, .yml or .json and cannot be executed is a spec: it has the program, and
the flags as keys (max: 64MiB). Flags of the command line, before or after it, go before those of the file, and a program
after -- in the place of the file's. Keys of the other commands are left to them: run, sweep and bisect take the same file.
oomcage %s --save FILE writes one, and oomcage schema describes them to an editor.`

// programCommand is a command whose flags end where those of the program begin that it runs.
func programCommand(name, short, long string, run func(cmd *cobra.Command, args []string) error) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   name + " [flags] [--] PROGRAM [ARGS…]",
		Short:                 short,
		Long:                  withCodes(long+"\n\n"+fmt.Sprintf(specHelp, name), name),
		Annotations:           map[string]string{programFirst: "yes"},
		DisableFlagsInUseLine: true,
		Args:                  needsProgram,
		RunE:                  withSpecFiles(run),
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().SortFlags = false
	return cmd
}

// containerFlag gives an image, which has a command of its own.
const containerFlag = "container"

// needsProgram refuses a command line without one.
func needsProgram(cmd *cobra.Command, args []string) error {
	if image, _ := cmd.Flags().GetString(containerFlag); image != "" {
		return nil
	}
	if len(args) == 0 {
		return errors.New("no program to run: name it after the flags, as in -- ./app -addr '$ADDR', or give a spec file")
	}
	return nil
}

// limitFlags are the limits of one cage.
type limitFlags struct {
	max, high      ceiling
	low, min, swap harness.Bytes
}

// ceiling is a limit that is not to be 0 by mistake, see sweep.ErrZeroLimit.
type ceiling struct{ harness.Bytes }

// Set hides that of Bytes.
func (c *ceiling) Set(text string) error {
	err := c.Bytes.Set(text)
	if err == nil && c.Bytes == 0 {
		err = sweep.ErrZeroLimit
	}
	return err
}

func (l *limitFlags) register(cmd *cobra.Command, withMax bool) {
	f := cmd.Flags()
	if withMax {
		f.Var(&l.max, "max", "memory.max, as 100M or 64MiB (default: no limit)")
	}
	f.Var(&l.high, "high", "memory.high (default: no limit)")
	f.Var(&l.low, "low", "memory.low (default 0)")
	f.Var(&l.min, "min", "memory.min (default 0)")
	f.Var(&l.swap, "swap", "memory.swap.max, or max; 0 forbids swap (default 0)")
}

// setTo sets the limits that were given.
func (l *limitFlags) setTo(to *harness.Limits, given func(flag string) bool) {
	for _, f := range []struct {
		name string
		to   *harness.Bytes
		size harness.Bytes
	}{{"max", &to.Max, l.max.Bytes}, {"high", &to.High, l.high.Bytes}, {"low", &to.Low, l.low}, {"min", &to.Min, l.min}, {"swap", &to.Swap, l.swap}} {
		if given(f.name) {
			*f.to = f.size
		}
	}
}

// one makes the spec of a single point.
func (s *specFlags) one(ctx context.Context, l limitFlags, step harness.Bytes, args []string) (harness.Spec, error) {
	spec, load, err := s.spec(ctx, args)
	if err != nil {
		return harness.Spec{}, err
	}
	l.setTo(&spec.Limits, s.flags.Changed)
	spec.Load.Bytes = step
	points, err := sweep.Grid{Spec: spec, Step: load}.Points()
	if err != nil {
		return harness.Spec{}, usageError{err}
	}
	one := points[0].Runnable(s.code())
	one.Artifacts = cmp.Or(s.artifacts, "artifacts")
	if err := one.Validate(); err != nil {
		return harness.Spec{}, usageError{err}
	}
	return one, nil
}
