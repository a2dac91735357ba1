package harness

import (
	"strings"
	"sync"
)

// tailSize is how much of a target's output is kept: enough for a Go traceback of all
// goroutines of a small service, small enough for a line of results.
const tailSize = 64 << 10

// tail keeps the end of what is written to it. The zero value is ready.
type tail struct {
	mu  sync.Mutex
	buf []byte
	cut bool // something came before buf
}

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if len(p) > tailSize {
		p, t.cut = p[len(p)-tailSize:], true
	}
	t.buf = append(t.buf, p...)
	// Cut in large pieces, so that a target that prints a gigabyte costs one copy a byte.
	if len(t.buf) > 2*tailSize {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-tailSize:]...)
		t.cut = true
	}
	return n, nil
}

// String returns the end of the output as valid UTF-8. Where something was left out, it begins
// with a line that says so.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	b, cut := t.buf, t.cut
	if len(b) > tailSize {
		b, cut = b[len(b)-tailSize:], true
	}
	s := strings.ToValidUTF8(string(b), "�")
	if cut {
		return "[earlier output left out]\n" + s
	}
	return s
}
