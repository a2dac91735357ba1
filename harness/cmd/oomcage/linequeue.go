//go:build linux

package main

import (
	"fmt"
	"io"
	"sync"
)

// maxWaiting is how many lines wait for a terminal, or whoever reads them: 1 MB. A load may have millions of steps, and the harness
// has to stay small beside the cage.
const maxWaiting = 10_000

// lineQueue prints lines without holding up who adds them. Where more wait than maxWaiting, the next ones are not shown, and
// counted.
type lineQueue struct {
	w      io.Writer
	failed func() // is told when lines cannot be printed; may be nil

	mu      sync.Mutex
	waiting []string
	dropped int
	closed  bool
	some    *sync.Cond // lines, or the end
	done    chan struct{}
}

func newLineQueue(w io.Writer, failed func()) *lineQueue {
	q := &lineQueue{w: w, failed: failed, done: make(chan struct{})}
	q.some = sync.NewCond(&q.mu)
	go q.print()
	return q
}

// add has the line printed, some time.
func (q *lineQueue) add(line string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.waiting) >= maxWaiting {
		q.dropped++
		return
	}
	q.waiting = append(q.waiting, line)
	q.some.Signal()
}

// end returns when all is printed.
func (q *lineQueue) end() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.some.Signal()
	<-q.done
}

func (q *lineQueue) print() {
	defer close(q.done)
	for {
		lines, dropped := q.take()
		for _, line := range lines {
			if _, err := io.WriteString(q.w, line); err != nil && q.failed != nil {
				q.failed() // the outcome is printed there as well, and its error counts
			}
		}
		if dropped > 0 {
			fmt.Fprintf(q.w, "…      %d more lines, for which their reader was too slow\n", dropped)
		}
		if len(lines)+dropped == 0 {
			return
		}
	}
}

// take waits for lines; there are none at the end.
func (q *lineQueue) take() (lines []string, dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting)+q.dropped == 0 && !q.closed {
		q.some.Wait()
	}
	lines, dropped = q.waiting, q.dropped
	q.waiting, q.dropped = nil, 0
	return lines, dropped
}
