//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"

	"github.com/spf13/cobra"

	"oomcage/harness"
	"oomcage/harness/internal/guest"
	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
)

const runLong = `run starts PROGRAM in a cage with these limits, pushes it step by step, and says how it ended.

  oomcage run --max 100M --post /generate-load/memory --step 20MiB -- ./app -addr '$ADDR'
  oomcage run --max 64M --ready tcp --step 4MiB \
      --exec 'redis-cli -e -p $PORT eval redis.call([[rpush]],[[k]],([[x]]):rep($step)) 0' \
      -- redis-server --port '$PORT' --save ''
  oomcage run --max 32M -- sort -o /dev/null words
  oomcage run --max 32M --expect runtime-oom,exited=2 --output '^sort: .*(memory|nowhere)' -- sort nowhere

A step may be any HTTP request, many may be under way at once, or come at a rate that does not slow down with the
program. A load that tolerates failed steps goes on after them, and a program that has died may be started again in its
cage: the outcome then says how long it was gone.

  oomcage run --max 64M --request 'PUT /upload' --body-size 64KiB --header 'X-Tenant: 7' --clients 4 --step 8MiB \
      -- ./service -addr '$ADDR'
  oomcage run --max 64M --get /healthz --status 200,204 --rate 50 --steps 100 -- ./service -addr '$ADDR'
  oomcage run --max 64M --post /upload --steps 20 --tolerate 5 --restart 3 --recovered 1m -- ./service -addr '$ADDR'

A limit can change during the run, as an in-place resize of a pod does, at a time since the program was ready or after a
step. Where a lowered memory.max is less than what is in use, the kernel kills at once, and the sentence says so:

  oomcage run --max 128M --at step=3:max=256M --at step=6:max=32M --post '/generate-load/memory?bytes=$step' \
      --step 20MiB --steps 10 -- ./app -addr '$ADDR'

The limits of the place where a program really runs are taken from its manifest: Kubernetes, Compose or systemd. What does
not carry over is said:

  oomcage run --from pod.yaml:app --post '/generate-load/memory?bytes=20971520' --expect oom-group-killed -- ./app -addr '$ADDR'

A file may have it all, and several runs make a suite, with what CI systems read of tests and a page of all:

  oomcage run --max 64M --post '/generate-load/memory?bytes=$step' --step 8MiB --save spec.yaml -- ./app -addr '$ADDR'
  oomcage run spec.yaml --max 40M --expect oom-killed --junit junit.xml --html page.html

$ADDR, $HOST and $PORT in the program's arguments are the address that is reserved for it. On a terminal
memory.current is drawn while it runs, without colours where NO_COLOR is set; elsewhere, and where TERM is dumb, there
is a line for each step. With -json stdout has the outcome, on one line, and nothing else. What the program prints is
kept, the last 64 KiB of it, and its ends are shown with the outcome: control characters in it as \x1b, never as they
are. A command that fails has to say so by its exit code, or its step counts as taken: redis-cli does by -e.

-ready says what is waited for before the first step: PATH, when GET of it is answered by 2xx; 'PATH STATUS TEXT', by
this status and with this text in the body, of which one will do; tcp, when $ADDR listens; unix:PATH, when that socket does;
output:REGEX, when a line that it prints matches; exec:COMMAND, when that ends with 0, run outside the cage again and again.

  oomcage run --max 64M --ready '/ping 200 pong' --ready-timeout 20s --get /ping --steps 3 -- ./app -addr '$ADDR'
  oomcage run --max 64M --ready 'output:Ready to accept connections' --steps 10 \
      --exec 'redis-cli -e -p $PORT ping' -- redis-server --port '$PORT' --save ''
  oomcage run --max 64M --ready 'exec:redis-cli -e -s redis.sock ping' --exec 'redis-cli -e -s redis.sock ping' --steps 10 \
      -- redis-server --port 0 --unixsocket redis.sock --save ''
  oomcage run --max 64M --ready unix:redis.sock --exec 'redis-cli -e -s redis.sock ping' --steps 10 \
      -- redis-server --port 0 --unixsocket redis.sock --save ''

-stop asks a target that has survived its load to end, and says how it did; what does not end is killed:

  oomcage run --max 64M --post '/generate-load/memory?bytes=10485760' --steps 3 --stop TERM,5s --expect stopped \
      -- ./app -addr '$ADDR'

The program runs as this process does, and has nothing to read, unless told otherwise:

  oomcage run --max 32M --user 4242:4343 --dir / --stdin words -- sort -o /dev/null

Transparent huge pages hold more than a program touches, where it touches a part of each. -no-thp shows what it takes without:

  oomcage run --max 100M --no-thp --post '/generate-load/memory?bytes=$step' --step 20MiB -- ./app -addr '$ADDR'

A program that makes a daemon of itself ends at once, and what it leaves is killed with its cage. -until-empty follows that:
the load goes on, and the verdict is the daemon's.

  oomcage run --max 64M --until-empty --ready tcp --exec 'redis-cli -e -p $PORT ping' --steps 10 \
      -- redis-server --port '$PORT' --save '' --daemonize yes

-container runs an image that an engine has, podman or docker, below the cage: its first process is the target. It has the network
of this machine, and is to listen on $ADDR; with -port, it has one of its own, and the engine has $ADDR lead to that port:

  oomcage run --container localhost/app --max 100M --post /generate-load/memory --step 20MiB -- /app -addr '$ADDR'
  oomcage run --container localhost/app --engine podman --port 8080 --max 100M --post /generate-load/memory --step 20MiB \
      --ready /ping -- /app -addr :8080

It takes cgroup v2 and root, or a delegated cgroup; elsewhere, with -add for programs from outside the working directory:

  oomcage vm -- oomcage run --max 64M --post /upload -- ./service -addr '$ADDR'
  oomcage vm -add "$(command -v sort)" -- oomcage run --max 32M -- sort -o /dev/null words`

func newRunCommand() *cobra.Command {
	var what specFlags
	var limits limitFlags
	var expect expectFlags
	var step harness.Bytes
	var asJSON bool
	var name string
	cmd := programCommand("run", "Run a program in a cage, and say how it ended", runLong, func(cmd *cobra.Command, args []string) error {
		if err := expect.check(); err != nil {
			return err
		}
		spec, err := what.one(cmd.Context(), limits, step, args)
		if err == nil {
			err = errors.Join(expect.checkStop(spec), expect.checkRecovered(spec))
		}
		if err != nil {
			return err
		}
		if name != "" {
			spec.Name = name
		}
		if checking(cmd.Context()) {
			return nil
		}
		what.tellFrom(cmd, spec.Data())
		warn(cmd.ErrOrStderr(), cmd.CommandPath(), spec.Data())
		return runOne(cmd.Context(), spec, expect, asJSON, what.showSecrets, cmd.OutOrStdout(), cmd.ErrOrStderr())
	})
	f := cmd.Flags()
	limits.register(cmd, true)
	what.register(cmd)
	what.registerCapture(cmd, "here")
	f.Var(&step, "step", "what one step takes, for the prediction, and $step in the load")
	expect.register(cmd)
	f.StringVar(&name, "name", "", "`NAME` of the run in results (default: the program's)")
	f.BoolVar(&asJSON, "json", false, "print the outcome as a line of JSON")
	registerFiles(cmd)
	return cmd
}

// runOne runs the spec and prints to w as it goes on; what is to be said of the machine goes to stderr.
func runOne(ctx context.Context, spec harness.Spec, expect expectFlags, asJSON, showSecrets bool, w, stderr io.Writer) error {
	var show watcher = silent{}
	switch {
	case asJSON:
	case drawable(w):
		show = newLiveGraph(w, spec.Load)
	default:
		show = newStepPrinter(w, spec)
	}
	o, err := harness.Run(ctx, watched(spec, show))
	show.end()
	if o == nil {
		return err
	}
	if !showSecrets {
		o = o.WithoutSecrets()
	}
	tell(ctx, o)
	if text := outOfReach(o); text != "" {
		defer fmt.Fprintf(stderr, "oomcage run: warning: %s\n", printable.Line(text))
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
	if why := expect.unexpected(o); why != "" && o.Evidence.Unsent != "" {
		return errors.New(why) // which says nothing of the program
	} else if why != "" {
		return failed(why)
	}
	return nil
}

// outOfReach says that a limit above the cage is lower than the cage's own, which says nothing then; "" where none is.
func outOfReach(o *harness.Outcome) string {
	own := o.Spec.Limits.Max
	if own == 0 || own == harness.Unlimited || len(o.Evidence.Ancestors) == 0 {
		return ""
	}
	least := slices.MinFunc(o.Evidence.Ancestors, func(a, b outcome.Ancestor) int { return cmp.Compare(a.Max, b.Max) })
	if least.Max >= own {
		return ""
	}
	said := fmt.Sprintf("memory.max is %s, and %s above the cage has %s, which is reached first: lower the limit", human.Size(own), least.Path, human.Size(least.Max))
	if path.Base(least.Path) == "oomcage" { // the limit over all cages, a share of the machine
		said += ", or " + guest.GiveMemory()
	}
	return said
}
