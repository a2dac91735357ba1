//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// slow is a terminal that is stopped until it may go on.
type slow struct {
	text          bytes.Buffer
	stopped, goOn chan struct{}
}

func (s *slow) Write(text []byte) (int, error) {
	select {
	case s.stopped <- struct{}{}:
	default:
	}
	<-s.goOn
	return s.text.Write(text)
}

func TestNoClientWaitsForAStoppedTerminal(t *testing.T) {
	const lines = 3 * maxWaiting
	w := &slow{stopped: make(chan struct{}, 1), goOn: make(chan struct{})}
	q := newLineQueue(w, nil)
	q.add("first\n")
	<-w.stopped
	for i := range lines {
		q.add(fmt.Sprintln(i))
	}
	close(w.goOn)
	q.end()
	text := w.text.String()
	require.True(t, strings.HasPrefix(text, "first\n0\n1\n2\n"), "in their order")
	require.True(t, strings.HasSuffix(text, fmt.Sprintf("\n%d\n…      %d more lines, for which their reader was too slow\n", maxWaiting-1, lines-maxWaiting)), "and what was left out is counted")
	require.Equal(t, maxWaiting+2, strings.Count(text, "\n"))
	q.end()
	require.Equal(t, text, w.text.String())
}

// gone is a reader that has gone away, as head does.
type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestAWatchEndsWhenNobodyReadsItsLines(t *testing.T) {
	ended, failed := context.WithCancel(t.Context())
	p := newWatchPrinter(gone{}, failed)
	p.seen(watchedSamples()[0], 0)
	select {
	case <-ended.Done():
	case <-time.After(time.Minute):
		t.Error("nobody was told")
	}
	p.end()
}
