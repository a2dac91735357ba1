package vm

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// received from a guest that prints, and then says that its program has ended, and with what code.
func receiving(t *testing.T, s *session) (signs, <-chan received) {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	go func() {
		w := &frameWriter{w: theirs}
		_ = w.frame(frameHello, nil)
		_ = w.frame(frameStdout, []byte("printed"))
		_ = w.frame(frameEnded, []byte(`{}`))
		_ = w.frame(frameExit, []byte(`{}`))
	}()
	signs := newSigns()
	frames := make(chan received, 1)
	go func() { frames <- s.receive(ours, newResults(nil, nil, ""), signs) }()
	return signs, frames
}

func TestWhatTheGuestSendsDoesNotWaitForAReaderOfItsOutput(t *testing.T) {
	stdout, program := io.Pipe()
	s := given(1, 0)
	s.opts.Stdout = program
	signs, frames := receiving(t, s)
	<-signs.ended // it was sent behind the output
	text := make([]byte, len("printed"))
	_, err := io.ReadFull(stdout, text)
	require.NoError(t, err)
	assert.Equal(t, "printed", string(text))
	got := <-frames
	require.NoError(t, got.err)
	assert.NotNil(t, got.exit)
}

func TestOutputThatCannotBeWrittenEndsTheGuest(t *testing.T) {
	stdout, program := io.Pipe()
	broken := errors.New("broken")
	require.NoError(t, stdout.CloseWithError(broken))
	s := given(1, 0)
	s.opts.Stdout = program
	_, frames := receiving(t, s)
	assert.ErrorIs(t, (<-frames).err, broken)
}

func TestAnErrorInterruptsAGuestThatSendsNothing(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	p := newPrinter(func() { _ = ours.SetReadDeadline(time.Unix(1, 0)) })
	stdout, program := io.Pipe()
	require.NoError(t, stdout.Close())
	require.NoError(t, p.print(program, []byte("x")))
	_, err := ours.Read(make([]byte, 1))
	require.Error(t, err)
	assert.ErrorIs(t, p.close(), io.ErrClosedPipe)
}

// More than that is not kept: who prints waits for who reads.
func TestWhatIsUnreadIsBounded(t *testing.T) {
	stdout, program := io.Pipe()
	p := newPrinter(func() {})
	require.NoError(t, p.print(program, make([]byte, maxUnread)))
	second := make(chan error, 1)
	go func() { second <- p.print(program, []byte("x")) }()
	_, err := io.CopyN(io.Discard, stdout, maxUnread-1)
	require.NoError(t, err)
	select {
	case err := <-second:
		t.Fatalf("it was taken while all else was unread: %v", err)
	default:
	}
	_, err = io.CopyN(io.Discard, stdout, 2)
	require.NoError(t, err)
	require.NoError(t, <-second)
	require.NoError(t, p.close())
}
