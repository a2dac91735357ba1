package harness

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestASampleAllocatesNothing(t *testing.T) {
	c := NewCageT(t, Limits{Max: 64 * MiB})
	tl := mustTimeline(t, c)
	p, err := c.Start(t.Context(), as(t, "idle"))
	require.NoError(t, err)
	tl.watch(p)
	require.True(t, tl.record(false))
	require.Zero(t, testing.AllocsPerRun(100, func() { tl.record(true) }))
}

// BenchmarkRecorder measures a sample, and what part of one CPU the recorder takes in the first second of a run, when its
// clock is fastest, beside a second in which nothing is recorded.
func BenchmarkRecorder(b *testing.B) {
	c, err := NewCage(b.Context(), Limits{Max: 64 * MiB})
	if err != nil {
		giveUp(b, err)
	}
	defer c.Close()
	p, err := c.Start(b.Context(), as(b, "idle"))
	require.NoError(b, err)
	recording := func() *timeline {
		tl, err := newTimeline(c, time.Now())
		require.NoError(b, err)
		tl.watch(p)
		return tl
	}
	b.Run("sample", func(b *testing.B) {
		tl := recording()
		defer tl.close()
		b.ReportAllocs()
		for b.Loop() {
			tl.record(true)
		}
	})
	b.Run("second", func(b *testing.B) {
		var on, off time.Duration
		ticks := 0
		for b.Loop() {
			before := ownCPU(b)
			time.Sleep(time.Second)
			off += ownCPU(b) - before

			tl := recording()
			before = ownCPU(b)
			stop := tl.follow(nil)
			time.Sleep(time.Second)
			stop()
			on += ownCPU(b) - before
			ticks += tl.clock.ticks
			tl.close()
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(ticks)/float64(b.N), "ticks")
		b.ReportMetric(100*on.Seconds()/float64(b.N), "on-%")
		b.ReportMetric(100*off.Seconds()/float64(b.N), "off-%")
	})
}

// ownCPU is what this process has used so far.
func ownCPU(b *testing.B) time.Duration {
	b.Helper()
	var used unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
