package sweep

import (
	"errors"
	"io"
	"iter"
	"runtime"
	"slices"

	"oomcage/harness/outcome"
)

// aheadBytes is how much text one CPU parses at a time. To hand a line of 3 KB over by itself would cost a twentieth
// of parsing it (2026-11).
const aheadBytes = 256 << 10

// batch is lines that one goroutine parses, one after the other.
type batch struct {
	lines []rawLine
	size  int           // of their text
	err   error         // of reading what follows the lines
	done  chan struct{} // closed when all are parsed
	to    []parsed      // what they are
}

type parsed struct {
	outcome *outcome.Outcome
	err     error
}

// ahead is Next again and again, up to the end or the first error, with lines parsed on all CPUs while they are read.
// It holds aheadBytes and one line of text for each, or one longer line.
func (r *Reader) ahead() iter.Seq2[*outcome.Outcome, error] {
	return func(yield func(*outcome.Outcome, error) bool) {
		stop := make(chan struct{})
		defer close(stop)
		batches := make(chan *batch, runtime.GOMAXPROCS(0))
		go r.readAhead(batches, stop)
		for b := range batches {
			<-b.done
			for i, l := range b.lines {
				o, err := r.take(l, b.to[i].outcome, b.to[i].err)
				if !yield(o, err) || err != nil {
					return
				}
			}
			if b.err != nil && !errors.Is(b.err, io.EOF) {
				yield(nil, b.err)
				return
			}
		}
	}
}

// readAhead reads all lines in batches, up to an error.
func (r *Reader) readAhead(batches chan<- *batch, stop <-chan struct{}) {
	defer close(batches)
	for {
		b := r.readBatch()
		select {
		case batches <- b:
		case <-stop:
			return
		}
		go b.parse(r)
		if b.size > 2*aheadBytes {
			<-b.done // no second one of these beside it
		}
		if b.err != nil {
			return
		}
	}
}

func (r *Reader) readBatch() *batch {
	b := &batch{done: make(chan struct{})}
	for b.size < aheadBytes {
		if b.err = r.nextLine(); b.err != nil {
			break
		}
		l := r.rawLine
		if len(l.text) > aheadBytes {
			r.text = nil // it is the batch's now
		} else {
			l.text = slices.Clone(l.text)
		}
		b.size += len(l.text)
		b.lines = append(b.lines, l)
	}
	return b
}

func (b *batch) parse(r *Reader) {
	defer close(b.done)
	b.to = make([]parsed, len(b.lines))
	for i := range b.lines {
		b.to[i].outcome, b.to[i].err = r.parse(b.lines[i].text)
		if !b.lines[i].ended || b.to[i].err != nil {
			continue // the text is looked at again
		}
		b.lines[i].text = nil
	}
}
