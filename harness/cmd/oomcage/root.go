package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"oomcage/harness/internal/advise"
	"oomcage/harness/internal/printable"
	"oomcage/harness/sweep"
)

// exitCode is the error of a command that ends with a code and has said all that there is to say.
type exitCode int

// Error names the code, for whoever prints it: execute does not.
func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// failed is the error of a command whose run was made, and was not what was expected.
type failed string

// Error is what was found.
func (f failed) Error() string { return string(f) }

// usageError marks an error of the user's command line.
type usageError struct{ error }

// Unwrap returns what is wrong with it, of which advice may know more.
func (u usageError) Unwrap() error { return u.error }

func newRootCommand(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:           "oomcage",
		Short:         "Test how programs behave when memory runs out",
		Long:          rootLong,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetOut(stdout)
	root.SetErr(printable.NewWriter(stderr)) // all but what vm passes on of its program
	root.SetFlagErrorFunc(explainFlag)
	root.AddCommand(
		newRunCommand(), newWatchCommand(), newSweepCommand(), newBisectCommand(), newCompareCommand(), newReportCommand(), newJudgeCommand(), newExplainCommand(), newVMCommand(stderr), newSchemaCommand(),
		newKernelsCommand(), newDoctorCommand(), newDemoCommand(), newVersionCommand(), newAxesTopic(),
	)
	root.SetHelpCommand(newHelpCommand(root))
	markUsage(root)
	return root
}

// markUsage makes what the commands below say of their arguments errors of the user's command line.
func markUsage(parent *cobra.Command) {
	for _, cmd := range parent.Commands() {
		markUsage(cmd)
		if check := cmd.Args; check != nil {
			cmd.Args = func(cmd *cobra.Command, args []string) error {
				if err := check(cmd, args); err != nil {
					return usageError{err}
				}
				return nil
			}
		}
	}
}

// execute runs the command line and returns the exit code.
func execute(args []string, stdout, stderr io.Writer) int {
	// A reader that goes away, as head does, would end the process here and now. Notified, Go returns EPIPE
	// from the write instead, and what was started is ended and removed as always.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signalContext()
	defer stop()
	root := newRootCommand(stdout, stderr)
	root.SetArgs(doubleDashes(root, args))
	cmd, err := root.ExecuteContextC(ctx)
	return exitStatus(cmd, err, stderr)
}

// exitStatus tells the user of the command's error and returns its exit code.
func exitStatus(cmd *cobra.Command, err error, stderr io.Writer) int {
	stderr = printable.NewWriter(stderr)
	said := ""
	if err != nil {
		said = printable.Indented(advised(err))
	}
	var code exitCode
	var usage usageError
	var failure failed
	var sig signalError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &failure):
		fmt.Fprintf(stderr, "%s: %s\n", cmd.CommandPath(), said)
		return exitFailed
	case errors.As(err, &sig):
		return exitSignal + int(sig.sig)
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "%s: %s\n  to help: %s -h\n", cmd.CommandPath(), said, cmd.CommandPath())
		return exitUsage
	case !cmd.HasParent(): // cobra's own: an unknown command
		fmt.Fprintf(stderr, "oomcage: %s\n", said)
		return exitUsage
	case isNotSupported(err) && cmd.Annotations[programFirst] != "":
		found, help := advise.Parts(err)
		help = strings.ReplaceAll(help, "go test ./...", cmd.CommandPath()+" …") // the library's advice is for tests
		fmt.Fprintf(stderr, "%s: %s\n  to help: oomcage vm -- %s …\n", cmd.CommandPath(), printable.Indented(found), cmd.CommandPath())
		if help != "" {
			fmt.Fprintf(stderr, "  or: %s\n", printable.Indented(help))
		}
		return exitMachine
	default:
		fmt.Fprintf(stderr, "%s: %s\n", cmd.CommandPath(), said)
		return exitMachine
	}
}

// asUsage marks what this command line asks for and cannot have.
func asUsage(err error) error {
	var f interface{ UsageError() bool }
	var line *sweep.LineError
	switch {
	case errors.As(err, &f) && f.UsageError(), errors.As(err, &line), errors.Is(err, sweep.ErrNotAFile),
		errors.Is(err, sweep.ErrNoRoom), errors.Is(err, sweep.ErrOtherSweep), errors.Is(err, sweep.ErrRebuilt):
		return usageError{err}
	}
	return err
}

// signalError is the cause of a context that a signal ended.
type signalError struct{ sig syscall.Signal }

// Error names the signal.
func (s signalError) Error() string { return "ended by signal: " + s.sig.String() }

// sameKey is how long after a signal another one may be the same key: a terminal sends Ctrl-C to the whole
// process group, and `go tool` passes on what it got itself.
const sameKey = time.Second

// signalContext returns a context that the signals of a user or a CI system end. The first asks for an orderly
// end; another one later ends the process at once.
func signalContext() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	go func() {
		select {
		case s := <-signals:
			time.AfterFunc(sameKey, func() { signal.Stop(signals) })
			if sig, ok := s.(syscall.Signal); ok {
				cancel(signalError{sig})
			}
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}
