//go:build linux

package sweep

import (
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness"
	"oomcage/harness/outcome"
)

// worker makes the test binary be a program that takes some memory, works and ends.
const worker = "OOMCAGE_TEST_WORKER"

// work takes 16 MiB and passes over them a few times.
func work() {
	memory := make([]byte, 16<<20)
	for pass := range 40 {
		for i := 0; i < len(memory); i += 64 {
			memory[i] += byte(pass)
		}
	}
	runtime.KeepAlive(memory)
}

// BenchmarkParallel runs a sweep of eight points one after the other and two at once, in turns with the same
// programs without cages, also one after the other and two at once. What the machine itself gains by the
// second CPU is the ideal: of an emulated machine that may be little. Its budget is 0.85 of that.
func BenchmarkParallel(b *testing.B) {
	holder, err := harness.NewCage(b.Context(), harness.Limits{})
	if err != nil {
		if os.Getenv("OOMCAGE_STRICT") == "1" {
			b.Fatal(err)
		}
		b.Skip(err)
	}
	defer holder.Close()
	self, err := os.Executable()
	require.NoError(b, err)
	axis, err := ParseAxis("max=64MiB..71MiB+1MiB", 0)
	require.NoError(b, err)
	points, err := Grid{Spec: outcome.Spec{Target: outcome.Target{Path: self, Env: []string{worker + "=1"}}}, Axes: []Axis{axis}}.Points()
	require.NoError(b, err)

	var bare, swept [2]time.Duration
	for b.Loop() {
		for i := range 2 {
			start := time.Now()
			runBare(b, self, len(points), i+1)
			bare[i] += time.Since(start)

			start = time.Now()
			outcomes, err := Run(b.Context(), points, Options{Parallel: i + 1})
			swept[i] += time.Since(start)
			require.NoError(b, err)
			for _, o := range outcomes {
				require.Equal(b, harness.Exited, o.Verdict, o)
			}
		}
	}
	ideal := bare[0].Seconds() / bare[1].Seconds()
	gain := swept[0].Seconds() / swept[1].Seconds()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ideal, "machine-gain")
	b.ReportMetric(gain, "sweep-gain")
	b.ReportMetric(gain/ideal, "of-ideal")
}

// runBare runs the program n times, so many at once.
func runBare(b *testing.B, path string, n, parallel int) {
	b.Helper()
	var wg sync.WaitGroup
	next := make(chan int)
	for range parallel {
		wg.Go(func() {
			for range next {
				cmd := exec.CommandContext(b.Context(), path)
				cmd.Env = append(os.Environ(), worker+"=1")
				if err := cmd.Run(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}
