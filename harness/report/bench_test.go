//go:build linux

package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
)

// manyLines is a file of the results of n points, each as long as a real one. Axes make series of 1000.
func manyLines(tb testing.TB, n int) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "results.jsonl")
	f, err := os.Create(path)
	require.NoError(tb, err)
	out := bufio.NewWriter(f)
	whole, err := Read(HTML, realSweep)
	require.NoError(tb, err)
	for i := range n {
		o := another(whole.Outcomes[0], fmt.Sprintf("max=%dMiB/step=5MiB/A=%d", 64+i%1000, i/1000))
		o.Evidence.Limits.Max = outcome.Bytes(64+i%1000) * outcome.MiB
		o.Acknowledged = i % 1000 / 5
		o.Attempted, o.Predicted = o.Acknowledged+1, nil
		o.Origin.Points = n
		line, err := json.Marshal(o)
		require.NoError(tb, err)
		_, err = out.Write(append(line, '\n'))
		require.NoError(tb, err)
	}
	require.NoError(tb, out.Flush())
	require.NoError(tb, f.Close())
	return path
}

// BenchmarkTable reads, checks and tables 10,000 and 100,000 results. Its budget is 10 s of CPU time for the
// latter: on a busy machine it takes longer.
func BenchmarkTable(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			path := manyLines(b, n)
			info, err := os.Stat(path)
			require.NoError(b, err)
			before := cpuTime(b)
			for b.Loop() {
				s, err := Read(Table, path)
				require.NoError(b, err)
				require.NoError(b, Write(io.Discard, s, Table))
				b.StopTimer()
				spent := cpuTime(b) - before
				b.ReportMetric(float64(spent.Nanoseconds())/float64(n), "cpu-ns/point")
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				runtime.KeepAlive(s)
				b.ReportMetric(float64(m.HeapAlloc)/float64(n), "kept-B/point")
				before = cpuTime(b)
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/point")
			b.ReportMetric(float64(info.Size())/float64(n), "file-B/point")
		})
	}
}

// cpuTime is what this process has taken of all CPUs.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u unix.Rusage
	require.NoError(tb, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
