package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"oomcage/harness/internal/guest"
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

// printing copies what a command prints. os/exec would do it with the grace of Cmd.WaitDelay, which a machine that stands still uses up.
type printing struct {
	r, w *os.File
	err  error
	done chan struct{} // closed when all has been copied, or to has refused it: err is set
}

func newPrinting() (*printing, error) {
	r, w, err := os.Pipe()
	return &printing{r: r, w: w, done: make(chan struct{})}, err
}

func (p *printing) copy(to io.Writer) {
	defer close(p.done)
	_, p.err = io.Copy(to, p.r)
	p.r.Close() // where it was refused, the command is not to wait
}

// runPrinting runs a command that prints to these, or to one.
func runPrinting(cmd *exec.Cmd, stdout, stderr io.Writer) error {
	to := []io.Writer{stdout, stderr}
	if stdout == stderr {
		to = to[:1]
	}
	var all []*printing
	var err error
	for range to {
		var p *printing
		if p, err = newPrinting(); err != nil {
			break
		}
		defer p.w.Close()
		defer p.r.Close()
		all = append(all, p)
	}
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = all[0].w, all[len(all)-1].w
	if err := cmd.Start(); err != nil {
		return err
	}
	for i, p := range all {
		p.w.Close()
		go p.copy(to[i])
	}
	err = cmd.Wait()
	grace := newPatience(execGrace)
	defer grace.end()
	for _, p := range all {
		select {
		case <-p.done:
		case <-grace.over:
			_ = p.r.SetReadDeadline(time.Now()) // it may be closed by now
			<-p.done
			p.err = exec.ErrWaitDelay
		}
		if err == nil {
			err = p.err
		}
	}
	return err
}

// execFor runs a command about the target. What it printed last on stderr stands in the error.
func execFor(ctx context.Context, p *Process, words []string, stdout io.Writer, stderr *tail) error {
	args := slices.Clone(words)
	for i, w := range args {
		args[i] = p.cage.address.expandFor(w, p.PID())
	}
	err := runPrinting(exec.CommandContext(ctx, args[0], args[1:]...), stdout, stderr)
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
