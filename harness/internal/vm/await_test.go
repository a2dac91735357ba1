package vm

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// played is a QEMU that answers nothing, and the guest's end of its line. It has ended when it is asked.
func played(t *testing.T) (p *process, guest net.Conn) {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	silent, closed := net.Pipe()
	closed.Close()
	done := make(chan struct{})
	close(done)
	return &process{conn: ours, frames: &frameWriter{w: ours}, monitor: &monitor{conn: silent}, done: done, kill: func() {}}, theirs
}

// guestOf is a session whose guest is played by the test: by the signs that it gives and the frames that it sends. told is closed
// when it is sent something.
func guestOf(t *testing.T, limit time.Duration) (w *waiting, frames chan received, told <-chan struct{}) {
	t.Helper()
	p, theirs := played(t)
	sent := make(chan struct{})
	go func() {
		_, _ = theirs.Read(make([]byte, 1))
		close(sent)
		_, _ = io.Copy(io.Discard, theirs)
	}()
	s := given(1, limit)
	frames = make(chan received, 1)
	return s.newWaiting(p, frames, newSigns(), nil), frames, sent
}

func TestGuestThatDoesAllIsWaitedForToItsLastWord(t *testing.T) {
	w, frames, _ := guestOf(t, 0)
	close(w.signs.hello)
	close(w.signs.begun)
	w.signs.ended <- exitStatus{Code: 3}
	frames <- received{exit: &exitStatus{Code: 3}}
	require.NoError(t, w.run(t.Context()))
	assert.Equal(t, 3, w.exit.Code)
	assert.True(t, w.whole)
}

func TestGuestThatDoesNotBeginIsEnded(t *testing.T) {
	w, frames, _ := guestOf(t, 0)
	w.opts.test.begin = func(int) time.Duration { return time.Millisecond }
	w.proc.kill = func() { frames <- received{booted: true, err: io.EOF} }
	close(w.signs.hello)
	err := w.run(t.Context())
	assert.Equal(t, silentGuest, asFailure(err).kind)
	assert.Contains(t, string(w.machineState), "== QMP\ncannot be read: ")
}

func TestTimeLimitTellsTheProgram(t *testing.T) {
	w, frames, told := guestOf(t, time.Millisecond)
	close(w.signs.begun)
	close(w.signs.hello)
	go func() {
		<-told
		frames <- received{exit: &exitStatus{}}
	}()
	err := w.run(t.Context())
	assert.Equal(t, timeLimit, asFailure(err).kind)
	assert.Nil(t, w.exit, "it came too late")
}

// Where this process was stopped, the signs have come at once, and beside them what else there is to do.
func TestSignsThatHaveComeAtOnceAreTakenInTheirOrder(t *testing.T) {
	for range 30 { // select takes any of them
		w, frames, _ := guestOf(t, 0)
		w.opts.test.begin = func(int) time.Duration { return time.Millisecond } // which begins with hello, and has ended
		close(w.signs.hello)
		close(w.signs.begun)
		time.AfterFunc(10*time.Millisecond, func() { frames <- received{exit: &exitStatus{Code: 3}} })
		require.NoError(t, w.run(t.Context()))
		assert.Equal(t, 3, w.exit.Code)
	}
}

func TestAProgramThatHasBegunMeanwhileIsToldOfAnInterrupt(t *testing.T) {
	for range 30 {
		w, frames, told := guestOf(t, 0)
		close(w.signs.hello)
		close(w.signs.begun)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		go func() {
			<-told
			frames <- received{exit: &exitStatus{}}
		}()
		require.ErrorIs(t, w.run(ctx), context.Canceled)
		select {
		case <-told:
		default:
			t.Fatal("it was ended without a word")
		}
	}
}

// A pager that stood for more than five minutes lost the end of the output, and the exit code was 123.
func TestWhoReadsTheOutputTakesHisTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, frames, _ := guestOf(t, time.Hour)
		close(w.signs.hello)
		close(w.signs.begun)
		w.signs.ended <- exitStatus{Code: 3}
		close(w.signs.last)
		time.AfterFunc(24*time.Hour, func() { frames <- received{exit: &exitStatus{Code: 3}} })
		require.NoError(t, w.run(t.Context()))
		assert.Equal(t, 3, w.exit.Code)
		assert.True(t, w.whole)
		assert.Empty(t, w.opts.Stderr, "nothing is on its way")
	})
}

func TestAnInterruptWhileOutputIsReadEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, _ := guestOf(t, 0)
		close(w.signs.hello)
		close(w.signs.begun)
		w.signs.ended <- exitStatus{}
		close(w.signs.last)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begun := time.Now()
		require.ErrorIs(t, w.run(ctx), context.DeadlineExceeded)
		assert.Equal(t, time.Minute+stopTime, time.Since(begun))
		assert.True(t, w.whole, "the files have come")
		assert.Empty(t, w.opts.Stderr)
	})
}
