package harness

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxLine bounds what is held of a line; the rest of a longer one is not looked at.
const maxLine = 64 << 10

// lineWatch looks at each line that is written to a tail, once, while it is written: none is too fast for it.
type lineWatch struct {
	words   *regexp.Regexp
	line    []byte        // that has no end yet
	last    string        // the one before it
	skip    bool          // up to the next end of a line: its beginning is not known
	matched bool          // found is closed
	found   chan struct{} // closed when a line matches
}

// watch looks at the lines that are kept, and at all that will be written until forget.
func (t *tail) watch(words *regexp.Regexp) *lineWatch {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := &lineWatch{words: words, skip: t.cut, found: make(chan struct{})}
	w.feed(t.buf)
	t.watches = append(t.watches, w)
	return w
}

func (t *tail) forget(w *lineWatch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watches = slices.DeleteFunc(t.watches, func(o *lineWatch) bool { return o == w })
}

// seen says what of the output came nearest to what is waited for.
func (t *tail) seen(w *lineWatch) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	const most = 200 // bytes
	clip := func(text string) string { return strings.ToValidUTF8(text[:min(len(text), most)], "") }
	switch {
	case len(w.line) > 0 && w.words.Match(w.line):
		return fmt.Sprintf("only %q does, which is no whole line", clip(string(w.line)))
	case len(w.line) > 0:
		return fmt.Sprintf("the last one is %q", clip(string(w.line)))
	case w.last != "":
		return fmt.Sprintf("the last one is %q", clip(w.last))
	default:
		return "there is none"
	}
}

func (w *lineWatch) feed(p []byte) {
	for len(p) > 0 && !w.matched {
		part, rest, whole := bytes.Cut(p, []byte("\n"))
		p = rest
		w.line = append(w.line, part[:min(len(part), maxLine-len(w.line))]...)
		if whole {
			w.end()
		}
	}
}

// end looks at a line that is whole.
func (w *lineWatch) end() {
	line := bytes.TrimSuffix(w.line, []byte("\r"))
	if !w.skip && w.words.Match(line) {
		w.matched = true
		close(w.found)
	}
	w.last, w.line, w.skip = string(line[:min(len(line), maxHeadline)]), w.line[:0], false
}
