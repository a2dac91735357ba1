package compare

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// manyRuns are n runs: 5 of each point, in series of 1,000 limits, each with some noise.
func manyRuns(n int, more outcome.Bytes, take func(*outcome.Outcome)) {
	for i := range n {
		limit := outcome.Bytes(20+i/5%1000) * outcome.MiB
		o := run60(fmt.Sprintf("max=%v/step=1MiB/A=%d/repeat=%d", limit, i/5000, i%5+1), limit, 60*outcome.MiB+more+outcome.Bytes(i*7919%1000)*outcome.KiB)
		take(filled(slow(o, 20*time.Millisecond+time.Duration(i*7919%1000)*10*time.Microsecond), outcome.KindAnon, o.Peak*9/10))
	}
}

// BenchmarkRead reads 100,000 runs, each about as long as one without its timeline.
func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "results.jsonl")
	f, err := os.Create(path)
	require.NoError(b, err)
	out := bufio.NewWriter(f)
	manyRuns(100_000, 0, func(o *outcome.Outcome) {
		_, err := out.Write(lines(b, o))
		require.NoError(b, err)
	})
	require.NoError(b, out.Flush())
	require.NoError(b, f.Close())
	for b.Loop() {
		r, err := Read(path)
		require.NoError(b, err)
		require.Len(b, r.order, 20_000)
	}
}

// BenchmarkCompare compares 100,000 points of 5 runs on each side, and writes a text and a page.
func BenchmarkCompare(b *testing.B) {
	side := func(more outcome.Bytes) *Results {
		r := &Results{points: map[string]*point{}}
		manyRuns(500_000, more, r.add)
		return r
	}
	base, head := side(0), side(3*outcome.MiB)
	for b.Loop() {
		c := Compare(base, head)
		require.Len(b, c.Points, 100_000)
		require.NoError(b, Write(io.Discard, c, Text))
		require.NoError(b, Write(io.Discard, c, HTML))
	}
}
