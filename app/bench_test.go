package main

import (
	"slices"
	"syscall"
	"testing"
	"time"
)

// BenchmarkFill compares filling a step with touching its pages, one byte each,
// which is the least that makes the kernel charge them. Both get the same: 20 MiB
// fresh from the kernel in every iteration, so that the page faults count, and
// each goes first in every other iteration. The clock stands while memory is
// mapped and unmapped. Speeds are in 10^6 bytes a second, each that of the median
// iteration, which other work on the machine hardly moves; fill/touch is to stay
// above 0.7.
func BenchmarkFill(b *testing.B) {
	const step = 20 << 20
	timed := func(write func([]byte)) time.Duration {
		block, err := syscall.Mmap(-1, 0, step, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
		if err != nil {
			b.Fatalf("map %d bytes: %v", step, err)
		}
		start := time.Now()
		write(block)
		took := time.Since(start)
		if err := syscall.Munmap(block); err != nil {
			b.Fatalf("unmap %d bytes: %v", step, err)
		}
		return took
	}
	touch := func(block []byte) {
		for i := 0; i < len(block); i += pageSize {
			block[i] = 1
		}
	}
	timed(touch) // once each unmeasured: the first is slower whichever it is
	timed(fill)

	var touching, filling []time.Duration
	for n := 0; b.Loop(); n++ {
		if n%2 == 0 {
			touching = append(touching, timed(touch))
			filling = append(filling, timed(fill))
		} else {
			filling = append(filling, timed(fill))
			touching = append(touching, timed(touch))
		}
	}
	speed := func(took []time.Duration) float64 {
		slices.Sort(took)
		return step / 1e6 / took[len(took)/2].Seconds()
	}
	b.ReportMetric(speed(touching), "touch-MB/s")
	b.ReportMetric(speed(filling), "fill-MB/s")
	b.ReportMetric(speed(filling)/speed(touching), "fill/touch")
}
