package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"oomcage/harness/sweep"
)

const rootLong = `oomcage tests how programs behave when memory runs out. It puts a program into a cgroup with a limit, pushes
it step by step until the kernel kills it, and says between which steps, and by whose limit. The witness is
the kernel's memory.events.

  oomcage run      one program, one limit: how does it end?
  oomcage watch    what runs already: how does it come to its end?
  oomcage sweep    a grid of limits and loads: where does it break?
  oomcage bisect   the smallest limit that it survives
  oomcage compare  results of two builds: what has changed, and what is noise
  oomcage report   results of sweeps, as a page, a picture or a table
  oomcage judge    stored outcomes, judged again
  oomcage explain  a stored outcome: what filled the cage, and what would help
  oomcage vm       any of these, or go test, in a microVM: without root or cgroup v2
  oomcage schema   what is in a spec file of run, sweep and bisect, for an editor
  oomcage kernels  lists the kernels that the microVM boots; with fetch, add or remove, changes them
  oomcage doctor   what works on this machine, and what helps where it does not
  oomcage version  which oomcage this is

run, sweep and bisect need root (or a delegated cgroup) and cgroup v2 with the memory controller. Elsewhere put
"oomcage vm --" before them, with -add for programs from outside the working directory.`

// newHelpCommand is cobra's own, but that it refuses a topic that is not there.
func newHelpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about a command",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usageError{fmt.Errorf("there is no help topic %q: oomcage help lists them", strings.Join(args, " "))}
			}
			return cmd.Help()
		},
	}
}

// newAxesTopic is what oomcage help axes says.
func newAxesTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString(`An axis is a field of a run and the values that it takes: NAME=VALUES. VALUES is a list of values and of
ranges, LO..HI+STEP or LO..HI*FACTOR. The names:

`)
	names, what := sweep.Fields()
	for i, name := range names {
		fmt.Fprintf(&b, "  %-14s %s\n", name, what[i])
	}
	b.WriteString(`  GOGC …         an environment variable of the program, in capitals
  pids.max …     a file of the cage, with a dot

  --axis 'GOMEMLIMIT=48MiB..96MiB+16MiB' --axis GOGC=off,50,100 --axis timeout=5s,30s

A point is named by its values, max=64MiB/step=20MiB, in the order above.
`)
	return &cobra.Command{Use: "axes", Short: "What a sweep can vary, and how its values are written", Long: b.String()}
}
