package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"oomcage/harness"
)

const runLong = `run starts PROGRAM in a cage with these limits, pushes it step by step, and says how it ended.

  oomcage run --max 100M --post /generate-load/memory --step 20MiB -- ./app -addr '$ADDR'
  oomcage run --max 64M --ready tcp --exec 'redis-cli -p $PORT debug populate 10000' -- redis-server --port '$PORT'
  oomcage run --max 32M -- sort -o /dev/null words

$ADDR, $HOST and $PORT in the program's arguments are the address that is reserved for it. On a terminal
memory.current is drawn while it runs; elsewhere there is a line for each step. With -json the outcome is
printed instead, on one line.

It takes root and cgroup v2; elsewhere, with -add for programs from outside the working directory:

  oomcage vm -- oomcage run --max 64M --post /upload -- ./service -addr '$ADDR'
  oomcage vm -add "$(command -v sort)" -- oomcage run --max 32M -- sort -o /dev/null words

Exit codes: 0 when what -expect and -acked say is so, or neither was given and no step was refused by a target
that lives; 1 when it is not; 2 when this command line makes no sense; 125 when the run could not be made. A
target that took not even the first step was not tested: that is inconclusive, and 1 unless -expect inconclusive or
-acked 0 says that it is so.`

func newRunCommand() *cobra.Command {
	var what specFlags
	var limits limitFlags
	var expect expectFlags
	var step harness.Bytes
	var asJSON bool
	cmd := programCommand("run", "Run a program in a cage, and say how it ended", runLong, func(cmd *cobra.Command, args []string) error {
		if err := expect.check(); err != nil {
			return err
		}
		spec, err := what.one(limits, step, args)
		if err != nil {
			return err
		}
		return runOne(cmd.Context(), spec, expect, asJSON, cmd.OutOrStdout())
	})
	f := cmd.Flags()
	limits.register(cmd, true)
	what.register(cmd)
	f.Var(&step, "step", "what one step takes, for the prediction, and $step in the load")
	expect.register(cmd)
	f.BoolVar(&asJSON, "json", false, "print the outcome as a line of JSON")
	return cmd
}

// runOne runs the spec and prints to w as it goes on.
func runOne(ctx context.Context, spec harness.Spec, expect expectFlags, asJSON bool, w io.Writer) error {
	var show watcher = silent{}
	switch {
	case asJSON:
	case drawable(w):
		show = newLiveGraph(w)
	default:
		show = newStepPrinter(w, spec)
	}
	o, err := harness.Run(ctx, watched(spec, show))
	show.end()
	if o == nil {
		return err
	}
	switch {
	case asJSON:
		if err := printJSON(w, o); err != nil {
			return err
		}
	default:
		if _, err := fmt.Fprintf(w, "\n%s", o); err != nil {
			return fmt.Errorf("print the outcome: %w", err)
		}
	}
	if err != nil { // the cage could not be removed
		return err
	}
	if why := expect.disappointed(o); why != "" {
		return failed(why)
	}
	return nil
}
