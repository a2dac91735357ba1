package main

import (
	"bytes"
	"compress/flate"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFilledMemoryDoesNotCompress(t *testing.T) {
	block := make([]byte, 1<<20)
	fillFrom(block, 0)
	for _, c := range []struct {
		what string
		data []byte
	}{
		{"one page, as zram sees it", block[:pageSize]},
		{"all of it, each page within reach of its neighbours", block},
	} {
		assert.Greater(t, mustCompressedSize(t, c.data), len(c.data)*99/100, c.what)
	}
}

func TestFillWritesEveryByteOfAnOddSizeAndNoneBeyond(t *testing.T) {
	const guard = 64
	for _, size := range []int{0, 1, 7, 8, 63, 65, pageSize - 1, pageSize, pageSize + 1, 3*pageSize + 123} {
		// A random byte may be what was there before, but hardly under all three.
		written := make([]bool, size)
		for before := range byte(3) {
			b := bytes.Repeat([]byte{before}, size+guard)
			fillFrom(b[:size], uint64(before))
			for i := range written {
				written[i] = written[i] || b[i] != before
			}
			assert.Equal(t, bytes.Repeat([]byte{before}, guard), b[size:], "beyond %d bytes", size)
		}
		assert.NotContains(t, written, false, "%d bytes", size)
	}
}

func TestLastPartOfAPageIsTheBeginningOfThatPage(t *testing.T) {
	whole, part := make([]byte, 2*pageSize), make([]byte, pageSize+100)
	fillFrom(whole, 7)
	fillFrom(part, 7)
	assert.True(t, bytes.Equal(whole[:len(part)], part))
}

func mustCompressedSize(tb testing.TB, data []byte) int {
	tb.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	require.NoError(tb, err)
	_, err = io.Copy(w, bytes.NewReader(data))
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	return out.Len()
}
