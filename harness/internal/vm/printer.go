package vm

import (
	"errors"
	"io"
	"sync"
	"syscall"
)

// maxUnread bounds what the program printed and nobody has read yet. Results come over the same line, and are not
// to wait for a reader of the output; when that much waits, they do, as the program itself does.
const maxUnread = 16 << 20

// printer writes the program's output, in its order, beside what else the guest sends.
type printer struct {
	failed func() // is called once, after an error

	mu     sync.Mutex
	change *sync.Cond
	queue  []printed
	unread int // bytes of what is in queue and of what is being written
	ended  bool
	err    error
	done   chan struct{}
}

type printed struct {
	to   io.Writer
	text []byte
}

func newPrinter(failed func()) *printer {
	p := &printer{failed: failed, done: make(chan struct{})}
	p.change = sync.NewCond(&p.mu)
	go p.run()
	return p
}

// print waits only while too much is unread. The text is the printer's from then on. Its error is that of any write.
func (p *printer) print(to io.Writer, text []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.err == nil && p.unread > 0 && p.unread+len(text) > maxUnread {
		p.change.Wait()
	}
	if p.err != nil {
		return p.err
	}
	p.queue = append(p.queue, printed{to, text})
	p.unread += len(text)
	p.change.Broadcast()
	return nil
}

// close waits until all is written.
func (p *printer) close() error {
	p.mu.Lock()
	p.ended = true
	p.change.Broadcast()
	p.mu.Unlock()
	<-p.done
	return p.err
}

func (p *printer) run() {
	defer close(p.done)
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		for len(p.queue) == 0 && !p.ended {
			p.change.Wait()
		}
		if len(p.queue) == 0 {
			return
		}
		next := p.queue[0]
		p.queue = p.queue[1:]
		p.mu.Unlock()
		err := write(next.to, next.text)
		p.mu.Lock()
		p.unread -= len(next.text)
		p.err = err
		p.change.Broadcast()
		if err != nil {
			p.failed()
			return
		}
	}
}

func write(w io.Writer, p []byte) error {
	_, err := w.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		return failure(noReader, "nobody reads the output any more: "+err.Error(), "")
	}
	return err
}
