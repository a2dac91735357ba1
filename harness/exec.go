package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"

	"oomcage/harness/internal/guest"
	"oomcage/harness/internal/printing"
)

// execGrace is how long a step's command that has ended may leave its output open through processes of
// its own. It is shorter than heedGrace.
const execGrace = heedGrace / 2

// Exec is a step that runs a command outside the cage, and takes exit code 0 as acknowledgement. It is for
// targets that do not speak HTTP. $ADDR, $HOST and $PORT in its words are replaced as in Target.Args,
// and $PID by the target's PID; there is no shell. The command is killed when the step's context ends.
// What it printed stands in the error.
func Exec(words ...string) Step {
	return func(ctx context.Context, p *Process, _ int) error {
		if len(words) == 0 {
			return errors.New("the step has no command to run: give Exec a program and its arguments")
		}
		var out tail
		return execFor(ctx, p, words, &out, &out)
	}
}

// execFor runs a command about the target. What it printed last on stderr stands in the error.
func execFor(ctx context.Context, p *Process, words []string, stdout io.Writer, stderr *tail) error {
	args := slices.Clone(words)
	for i, w := range args {
		args[i] = p.cage.address.expandFor(w, p.PID())
	}
	err := printing.Run(exec.CommandContext(ctx, args[0], args[1:]...), execGrace, stdout, stderr)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	err = fmt.Errorf("run %s: %w", args[0], guest.ExplainMissing(err))
	if said := strings.TrimSpace(stderr.String()); said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return err
}
