//go:build linux

package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// manyPoints plans a sweep of n points: 1000 limits, and as many values of a variable as it takes.
func manyPoints(tb testing.TB, n int) []sweep.Point {
	tb.Helper()
	g := sweep.Grid{Spec: outcome.Spec{Target: outcome.Target{Path: "/usr/bin/service"}}, Step: sweep.PostTemplate("/take?bytes=$step"), MaxPoints: n}
	for _, text := range []string{"max=64MiB..1063MiB+1MiB", "step=5MiB", fmt.Sprintf("A=1..%d+1", n/1000)} {
		axis, err := sweep.ParseAxis(text, n)
		require.NoError(tb, err)
		g.Axes = append(g.Axes, axis)
	}
	points, err := g.Points()
	require.NoError(tb, err)
	require.Len(tb, points, n)
	return points
}

// manyShards are the files that so many machines leave of a sweep, each line as long as a real one.
func manyShards(tb testing.TB, points []sweep.Point, shards int) []string {
	tb.Helper()
	whole, err := Read(HTML, realSweep)
	require.NoError(tb, err)
	real := whole.Outcomes[0]
	var paths []string
	for i := range shards {
		path := filepath.Join(tb.TempDir(), fmt.Sprintf("shard-%d.jsonl", i))
		f, err := os.Create(path)
		require.NoError(tb, err)
		out := bufio.NewWriter(f)
		for _, p := range (sweep.Shard{Index: i, Total: shards}).Of(points) {
			o := another(real, p.Name)
			o.Spec = p.Spec
			o.Evidence.Limits.Max = p.Spec.Limits.Max
			o.Acknowledged = int(p.Spec.Limits.Max / (6 * outcome.MiB))
			o.Attempted, o.Predicted = o.Acknowledged+1, nil
			o.Origin.Points = len(points)
			line, err := json.Marshal(o)
			require.NoError(tb, err)
			_, err = out.Write(append(line, '\n'))
			require.NoError(tb, err)
		}
		require.NoError(tb, out.Flush())
		require.NoError(tb, f.Close())
		paths = append(paths, path)
	}
	return paths
}

// BenchmarkShards is a sweep of 10,000 and of 100,000 points over 100 machines, simulated in files: what each machine plans, what
// is read of them together and checked, and the page of it. Its budget is that a point of the larger one takes at most 1.5 times
// as much.
func BenchmarkShards(b *testing.B) {
	const shards = 100
	for _, n := range []int{10_000, 100_000} {
		points := manyPoints(b, n)
		measure := func(b *testing.B, what func()) { // in CPU time: on a busy machine it takes longer
			b.Helper()
			before := cpuTime(b)
			for b.Loop() {
				what()
			}
			b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/float64(b.N)/float64(n), "cpu-ns/point")
		}
		b.Run(fmt.Sprintf("plan/%d", n), func(b *testing.B) {
			measure(b, func() {
				part := (sweep.Shard{Index: 42, Total: shards}).Of(manyPoints(b, n))
				require.Len(b, part, n/shards)
			})
		})
		paths := manyShards(b, points, shards)
		b.Run(fmt.Sprintf("merge/%d", n), func(b *testing.B) {
			measure(b, func() {
				s, err := Read(CSV, paths...)
				require.NoError(b, err)
				require.NoError(b, s.Complete())
				require.Len(b, s.Outcomes, n)
			})
		})
		s, err := Read(CSV, paths...)
		require.NoError(b, err)
		b.Run(fmt.Sprintf("check/%d", n), func(b *testing.B) {
			measure(b, func() {
				sweep.Check(s.Outcomes)
			})
		})
		lost, err := Read(CSV, paths[1:]...)
		require.NoError(b, err)
		b.Run(fmt.Sprintf("lost/%d", n), func(b *testing.B) {
			measure(b, func() {
				require.ErrorContains(b, lost.Complete(), fmt.Sprintf("%d points were to be run, and %d are missing", n, n/shards))
			})
		})
		b.Run(fmt.Sprintf("page/%d", n), func(b *testing.B) {
			var size counted
			measure(b, func() {
				whole, err := Read(HTML, paths...)
				require.NoError(b, err)
				size = 0
				require.NoError(b, Write(&size, whole, HTML))
			})
			b.ReportMetric(float64(size)/(1<<20), "page-MiB")
		})
	}
}

// counted is how much was written.
type counted int64

func (c *counted) Write(p []byte) (int, error) {
	*c += counted(len(p))
	return len(p), nil
}

var _ io.Writer = (*counted)(nil)
