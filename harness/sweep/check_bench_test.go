package sweep

import (
	"fmt"
	"testing"

	"oomcage/harness/outcome"
)

// disorders are series whose points contradict each other in ways that cost a search by pairs the most.
var disorders = map[string]func(i, n int) int{
	"sound":      func(i, _ int) int { return i },
	"one odd":    func(i, n int) int { return map[bool]int{true: n, false: i}[i == n/10] },
	"every 10th": func(i, n int) int { return map[bool]int{true: (i * 7919) % n, false: i}[i%10 == 3] },
	"falling":    func(i, n int) int { return n - i },
	"random":     func(i, n int) int { return (i * 7919) % n },
}

// disordered is a sweep of one series of n points.
func disordered(n int, count func(i, n int) int) []*outcome.Outcome {
	all := make([]*outcome.Outcome, n)
	for i := range all {
		limit := outcome.Bytes(64+i) * outcome.MiB
		o := &outcome.Outcome{
			Name: fmt.Sprintf("max=%v/step=1MiB", limit), Verdict: outcome.OOMKilled, Why: "killed by its own limit",
			Acknowledged: count(i, n), Attempted: count(i, n) + 1, Spec: outcome.Spec{Load: outcome.Load{Bytes: outcome.MiB}},
		}
		o.Evidence.Limits.Max, o.Evidence.Ready = limit, true
		all[i] = o
	}
	return all
}

// BenchmarkCheck checks series of 10,000 and of 100,000 points. Its budget is that the longer one takes no more than
// 2.5 times as much for a point.
func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		for name, count := range disorders {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				all := disordered(n, count)
				for b.Loop() {
					Check(all)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/point")
			})
		}
	}
}
