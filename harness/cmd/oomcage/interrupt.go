package main

import (
	"context"

	"github.com/spf13/cobra"
)

// untilSignal returns what f returns or, once a signal ends ctx, its cause: a read from a pipe or a terminal, and a write to one
// that nobody reads, know no context. Then f is left behind, and ends with the process: it may not be amid a file that somebody keeps.
func untilSignal[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := f()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// interruptible is a command that only reads and prints, and ends with the first signal.
func interruptible(run func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		_, err := untilSignal(cmd.Context(), func() (struct{}, error) { return struct{}{}, run(cmd, args) })
		return err
	}
}
