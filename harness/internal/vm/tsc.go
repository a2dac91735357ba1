package vm

import "time"

// tscSample is the time-stamp counter of the host's CPU at one moment.
type tscSample struct {
	ticks uint64
	at    time.Time
}

// tscSpan is the least time between two samples. A sample is right to about a microsecond, so this gives
// the frequency to 50 parts per million.
const tscSpan = 40 * time.Millisecond

// sampleTSC takes the best of a few samples: this process may lose the CPU in the middle of one.
func sampleTSC() tscSample {
	var best tscSample
	shortest := time.Hour
	for range 10 {
		before := time.Now()
		ticks := readTSC()
		if d := time.Since(before); d < shortest {
			shortest, best = d, tscSample{ticks, before.Add(d / 2)}
		}
	}
	return best
}

// sampleTSC takes none for another processor's guest, which does not see this one's.
func (a arch) sampleTSC() tscSample {
	if a.foreign() {
		return tscSample{}
	}
	return sampleTSC()
}

// tscKHz returns the counter's frequency in kHz, 0 where there is none. Without KVM the guest sees the
// host's counter, but it cannot measure its frequency: on a busy host the guest's emulated timer is late,
// the kernel gives up ("could not calculate TSC khz"), and then waits for ever for that timer. Seen on
// every boot while four guests started at once on 2 cores, November 2026. So the host tells it.
func tscKHz(first tscSample) int64 {
	if first.ticks == 0 {
		return 0
	}
	time.Sleep(tscSpan - time.Since(first.at))
	last := sampleTSC()
	return int64(float64(last.ticks-first.ticks) / last.at.Sub(first.at).Seconds() / 1000)
}
