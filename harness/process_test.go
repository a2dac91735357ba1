package harness

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Somebody outside the cage holds the pipe, so that it never ends.
func TestOutputIsCopiedToItsEndThoughThePipeStaysOpen(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer w.Close()
	defer r.Close()
	said := strings.Repeat("last words\n", 1000)
	_, err = w.WriteString(said)
	require.NoError(t, err)
	p := &Process{pipe: r, output: &tail{}, heard: newGate(), copied: make(chan struct{})}
	p.heard.open()
	require.NoError(t, r.SetReadDeadline(time.Now()))
	go p.copyOutput()
	<-p.copied
	require.Equal(t, said, p.Output())
}
