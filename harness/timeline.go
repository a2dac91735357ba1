package harness

import (
	"sync"
	"time"

	"oomcage/harness/outcome"

	"oomcage/harness/internal/cgroup"
)

// maxSamples bounds a timeline. Above it every second sample goes, so that the rest still
// covers the whole run: at most 500 KB in a line of results.
const maxSamples = 4096

// timeline collects samples. The kernel's notifications and the steps both add to it.
type timeline struct {
	start  time.Time
	before snapshot

	mu      sync.Mutex
	step    int
	sent    int // the last step that was sent
	samples []outcome.Sample
	often   budget
	late    bool         // something was reported, and has not been sampled yet
	counter *cgroup.Kept // of the kills; nil where it cannot be held open
	counted uint64       // of them, the last time
	seen    witness
	kills   []outcome.KillTime
	line    outcome.Slope // of what the acknowledged steps took

	captures *capturer // nil where none is asked for
}

// newTimeline is one of a run in c that began at start. It is to be closed.
func newTimeline(c *Cage, start time.Time) *timeline {
	t := &timeline{start: start, before: c.before(), often: budget{free: manyLooks}}
	t.counted = t.before.Events.OOMKill
	t.counter, _ = c.group.Keep("memory.events") // without it, each sample has the kills
	return t
}

func (t *timeline) close() { t.counter.Close() }

// watch has the timeline look at p from now on.
func (t *timeline) watch(p *Process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen.begin(p, t.before.limits)
}

// look sees to what has become of the limits and of the target's place, and to what was put off. While another takes a
// sample, that is done.
func (t *timeline) look(c *Cage) {
	if !t.mu.TryLock() {
		return
	}
	defer t.mu.Unlock()
	if t.late {
		t.sampleNow(c)
		return
	}
	t.seen.look(time.Since(t.start))
}

// send notes that step n is on its way.
func (t *timeline) send(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent = n
}

// acknowledge notes that step n has been acknowledged.
func (t *timeline) acknowledge(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.step = n
}

// measure is sample for the reading at readiness and after each acknowledgement: it counts for what the steps take,
// unless the limit has been met.
func (t *timeline) measure(c *Cage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.sampleNow(c) {
		return
	}
	if s := t.samples[len(t.samples)-1]; s.Events.Max == 0 && s.Events.High == 0 {
		t.line.Add(s.Step, s.Current+s.Swap)
	}
}

// sample reads the cage when the kernel has reported something. What cannot be read is left out here and named in
// Evidence.
func (t *timeline) sample(c *Cage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.late = !t.sampleNow(c)
}

// sampleNow reads the cage for those who hold mu, and tells whether there is a sample. Of many reasons to do so it
// takes a part. Each kill it takes, since what is counted before the next step is sent makes that kill's step certain.
func (t *timeline) sampleNow(c *Cage) (taken bool) {
	if t.killed() {
		t.often.free = max(t.often.free, 1)
	}
	t.often.look(func() { taken = t.read(c) })
	return taken
}

// killed reports whether a kill was counted since the last time.
func (t *timeline) killed() bool {
	counted, err := t.counter.Counter("oom_kill")
	if err != nil || counted == t.counted {
		return false
	}
	t.counted = counted
	return true
}

// read takes a sample.
func (t *timeline) read(c *Cage) bool {
	t.late = false
	t.seen.look(time.Since(t.start))
	m, err := c.Memory()
	if err != nil {
		return false
	}
	events, err := m.Events.Since(t.before.Events)
	if err != nil {
		return false
	}
	t.captures.see(m.Current)
	if len(t.samples) >= maxSamples {
		t.thin()
	}
	s := outcome.Sample{At: time.Since(t.start), Step: t.step, Current: m.Current, Swap: m.SwapCurrent, Events: events}
	if p, err := readPressure(c.group); err == nil {
		s.Pressure = p.Since(t.before.Pressure)
	}
	t.samples = append(t.samples, s)
	t.place(s.Events.OOMKill, s.At, t.sent)
	return true
}

// thin drops every second sample. It spares the last one of each step, unless there are so
// many steps that they alone fill the half.
func (t *timeline) thin() {
	t.samples = everySecond(t.samples, func(i int) bool {
		return i+1 == len(t.samples) || t.samples[i+1].Step != t.samples[i].Step
	})
	if len(t.samples) > maxSamples*3/4 {
		t.samples = everySecond(t.samples, func(int) bool { return false })
	}
}

func everySecond(samples []outcome.Sample, spare func(i int) bool) []outcome.Sample {
	var kept []outcome.Sample
	for i, s := range samples {
		if i%2 == 0 || spare(i) {
			kept = append(kept, s)
		}
	}
	return kept
}
