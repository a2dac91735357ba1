package harness

import (
	"bytes"
	"strings"
	"sync"
)

// tailSize is how much of a target's output is kept: enough for a Go traceback of all
// goroutines of a small service, small enough for a line of results.
const tailSize = 64 << 10

// tail keeps the end of what is written to it, and of the rest the line that says why a Go program ended: a traceback of 400
// goroutines behind it is 260 KB (Go 1.26, 2026-11). The zero value is ready.
type tail struct {
	mu       sync.Mutex
	buf      []byte
	cut      bool   // something came before buf
	headline string // of what came before
	watches  []*lineWatch
}

// headlines are how the Go runtime begins an end with a traceback: its own, a fault outside of Go's own code, and what cgo says
// before it aborts.
var headlines = [][]byte{[]byte("fatal error: "), []byte("panic: "), []byte("SIGSEGV: "), []byte("SIGBUS: "), []byte("runtime/cgo: ")}

// maxHeadline bounds what is kept of such a line.
const maxHeadline = 400

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	for _, w := range t.watches {
		w.feed(p)
	}
	for len(p) > 0 {
		part := p[:min(len(p), tailSize)]
		p = p[len(part):]
		t.buf = append(t.buf, part...)
		// Cut in large pieces, so that a target that prints a gigabyte costs one copy a byte.
		if extra := len(t.buf) - tailSize; extra > tailSize {
			t.headline = headline(t.buf, extra, t.headline)
			t.buf = append(t.buf[:0], t.buf[extra:]...)
			t.cut = true
		}
	}
	return n, nil
}

// headline is the last of these lines that begins before end, or an earlier one.
func headline(text []byte, end int, earlier string) string {
	at := -1
	for _, words := range headlines {
		before := text[:min(len(text), end+len(words)-1)]
		for i := bytes.LastIndex(before, words); i >= 0; i = bytes.LastIndex(before[:i], words) {
			if i == 0 || text[i-1] == '\n' {
				at = max(at, i)
				break
			}
		}
	}
	if at < 0 {
		return earlier
	}
	line, _, _ := bytes.Cut(text[at:min(len(text), at+maxHeadline)], []byte("\n"))
	return string(line)
}

// String returns the end of the output as valid UTF-8. Where something was left out, it begins
// with a line that says so.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	b, cut, first := t.buf, t.cut, t.headline
	if extra := len(b) - tailSize; extra > 0 {
		first = headline(b, extra, first)
		b, cut = b[extra:], true
	}
	s := strings.ToValidUTF8(string(b), "�")
	switch {
	case first != "":
		return "[earlier output left out, but for this line]\n" + strings.ToValidUTF8(first, "�") + "\n[…]\n" + s
	case cut:
		return "[earlier output left out]\n" + s
	}
	return s
}
