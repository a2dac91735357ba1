// Package printing runs commands whose output is wanted whole. os/exec waits for it with the grace of Cmd.WaitDelay, which a machine
// that stands still uses up.
package printing

import (
	"io"
	"os"
	"os/exec"
	"time"

	"oomcage/harness/internal/patience"
)

// stream copies what a command prints.
type stream struct {
	r, w *os.File
	err  error
	done chan struct{} // closed when all has been copied, or to has refused it: err is set
}

func newStream() (*stream, error) {
	r, w, err := os.Pipe()
	return &stream{r: r, w: w, done: make(chan struct{})}, err
}

func (s *stream) copy(to io.Writer) {
	defer close(s.done)
	_, s.err = io.Copy(to, s.r)
	s.r.Close() // where it was refused, the command is not to wait
}

// Run runs a command that prints to these, or to one. What it has started and left behind may hold its output open for the grace
// after its end; then all that was printed so far is there, and the error is exec.ErrWaitDelay.
func Run(cmd *exec.Cmd, grace time.Duration, stdout, stderr io.Writer) error {
	to := []io.Writer{stdout, stderr}
	if stdout == stderr {
		to = to[:1]
	}
	var all []*stream
	var err error
	for range to {
		var p *stream
		if p, err = newStream(); err != nil {
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
	late := patience.New(grace)
	defer late.End()
	for _, p := range all {
		select {
		case <-p.done:
		case <-late.Over:
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
