package vm

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFramesKeepStreamsApartAndWhole(t *testing.T) {
	var line bytes.Buffer
	line.WriteString("firmware says \x00oomcage-0\n\x00\x00oom")
	w := &frameWriter{w: &line}
	long := strings.Repeat("0123456789abcdef", 3*frameMax/16)
	require.NoError(t, w.frame(frameHello, nil))
	var wg sync.WaitGroup
	for _, kind := range []frameKind{frameStdout, frameStderr} {
		wg.Go(func() {
			_, err := io.WriteString(w.to(kind), string(rune(kind))+long)
			assert.NoError(t, err)
		})
	}
	wg.Wait()

	got := map[frameKind]string{}
	for r := newFrameReader(&line); ; {
		kind, payload, err := r.next()
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
			break
		}
		got[kind] += string(payload)
	}
	assert.Equal(t, map[frameKind]string{frameHello: "", frameStdout: "o" + long, frameStderr: "e" + long}, got)
}

func TestFramesRefuseWhatTheLineLostOrChanged(t *testing.T) {
	var line bytes.Buffer
	require.NoError(t, (&frameWriter{w: &line}).frame(frameStdout, []byte("payload")))
	whole := line.Bytes()
	for i := len(frameMagic); i < len(whole); i++ {
		changed := bytes.Clone(whole)
		changed[i] ^= 0x20
		_, _, err := newFrameReader(bytes.NewReader(changed)).next()
		assert.ErrorIs(t, err, errCorrupt, "byte %d changed", i)

		_, _, err = newFrameReader(bytes.NewReader(whole[:i])).next()
		if i == len(frameMagic) {
			assert.ErrorIs(t, err, io.EOF, "between two frames")
		} else {
			assert.ErrorIs(t, err, errCorrupt, "cut at %d", i)
		}
		lost := append(bytes.Clone(whole[:i]), whole[i+1:]...)
		_, _, err = newFrameReader(bytes.NewReader(lost)).next()
		assert.ErrorIs(t, err, errCorrupt, "byte %d lost", i)
	}
}

func TestLineWithoutAGuestIsEOF(t *testing.T) {
	_, _, err := newFrameReader(strings.NewReader("no magic here")).next()
	assert.ErrorIs(t, err, io.EOF)
}
