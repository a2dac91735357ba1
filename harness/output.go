package harness

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// gate is closed until somebody opens it, for ever. The zero value is open for nobody, and may be opened.
type gate struct {
	c    chan struct{}
	once *sync.Once
}

func newGate() gate { return gate{make(chan struct{}), new(sync.Once)} }

// open may be called again.
func (g gate) open() {
	if g.c != nil {
		g.once.Do(func() { close(g.c) })
	}
}

// pipeCapacity is what a pipe holds (pipe(7)).
const pipeCapacity = 64 << 10

// largestPipe is what a user may make it hold: the default of /proc/sys/fs/pipe-max-size (pipe(7)).
const largestPipe = 1 << 20

func (p *Process) copyOutput() {
	defer close(p.copied)
	<-p.heard.c
	buf := make([]byte, 4<<10) // not io.Copy, which takes 32 KiB for each process
	for {
		n, err := p.pipe.Read(buf)
		_, _ = p.output.Write(buf[:n])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			p.copyRest(buf)
		}
		if err != nil {
			return
		}
		if n == len(buf) && n < pipeCapacity { // it prints a lot
			buf = make([]byte, pipeCapacity)
		}
	}
}

// copyRest reads what the pipe holds, and waits for no more: whatever could write into it by right has ended. A
// process that escaped from the cage may go on, so no more is read than a pipe can hold.
func (p *Process) copyRest(buf []byte) {
	if p.pipe.SetReadDeadline(time.Time{}) != nil {
		return
	}
	raw, err := p.pipe.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Read(func(fd uintptr) bool {
		for read := 0; read < largestPipe; {
			n, err := unix.Read(int(fd), buf)
			if n <= 0 || err != nil { // EAGAIN: it is empty
				break
			}
			_, _ = p.output.Write(buf[:n])
			read += n
		}
		return true
	})
}
