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
// clock is fastest, and in the sixth: beside a second in which nothing is recorded, and one of as many wake-ups alone.
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
	// What it takes to wake as often and to do nothing is Go's and the kernel's, and in an emulated guest most of all.
	second := func(b *testing.B, after time.Duration) {
		b.Helper()
		var on, idle, off time.Duration
		ticks := 0
		for b.Loop() {
			off += ownCPUOf(b, func() { time.Sleep(time.Second) })

			tl := recording()
			follow := func(d time.Duration) {
				defer tl.follow(nil)()
				time.Sleep(d)
			}
			follow(after)
			before := tl.clock.ticks
			on += ownCPUOf(b, func() { follow(time.Second) })
			n := tl.clock.ticks - before
			tl.close()
			ticks += n

			wakes := n + int(time.Second/lookInterval)
			idle += ownCPUOf(b, func() {
				for range wakes {
					time.Sleep(time.Second / time.Duration(wakes))
				}
			})
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(ticks)/float64(b.N), "ticks")
		for what, took := range map[string]time.Duration{"on-%": on, "waking-%": idle, "off-%": off} {
			b.ReportMetric(100*took.Seconds()/float64(b.N), what)
		}
	}
	b.Run("second", func(b *testing.B) { second(b, 0) })
	b.Run("later", func(b *testing.B) { second(b, 5*time.Second) })
}

// ownCPUOf is what this process uses while f runs.
func ownCPUOf(b *testing.B, f func()) time.Duration {
	b.Helper()
	before := ownCPU(b)
	f()
	return ownCPU(b) - before
}

// ownCPU is what this process has used so far.
func ownCPU(b *testing.B) time.Duration {
	b.Helper()
	var used unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
