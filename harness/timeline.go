package harness

import (
	"math"
	"sync"
	"time"

	"oomcage/harness/outcome"
)

// maxSamples bounds a timeline: above it half of the samples go.
const maxSamples = 400

// timeline collects samples. The kernel's notifications, the steps and a clock add to it.
type timeline struct {
	start  time.Time
	before snapshot

	mu       sync.Mutex
	step     int
	sent     int // the last step that was sent
	underWay int // the most steps that were under way at once
	samples  outcome.Timeline
	often    budget
	late     bool // something was reported, and has not been sampled yet
	recorder *recorder
	counted  uint64 // kills, the last time
	seen     witness
	kills    []outcome.KillTime
	line     outcome.Slope // of what the acknowledged steps took
	clock    clock
	census   census
	captures *capturer // nil where none is asked for
	mover    *mover    // nil without a schedule
}

// newTimeline is one of a run in c that began at start. It is to be closed.
func newTimeline(c *Cage, start time.Time) (*timeline, error) {
	r, err := openRecorder(c.group)
	if err != nil {
		return nil, err
	}
	t := &timeline{start: start, before: c.before(), often: budget{free: manyLooks}, recorder: r}
	t.counted = t.before.Events.OOMKill
	return t, nil
}

func (t *timeline) close() { t.recorder.close() }

// watch has the timeline look at p from now on.
func (t *timeline) watch(p *Process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen.begin(p, t.before.limits)
	t.census.group, t.census.tmpfs = p.cage.group, p.tmpfs
}

// glance sees to what has become of the limits and of the target's place, and to what was put off. While another takes a
// sample, that is done.
func (t *timeline) glance() {
	if !t.mu.TryLock() {
		return
	}
	defer t.mu.Unlock()
	if t.late && t.sampleNow() {
		return
	}
	t.seen.look(time.Since(t.start)) // also where it is too early for a sample
}

// tick takes a sample because time has passed, where another does not do so now, and returns how long to wait for the
// next one.
func (t *timeline) tick() (next time.Duration) {
	return t.clock.tick(func() {
		if t.mu.TryLock() {
			defer t.mu.Unlock()
			t.record(true)
			t.clock.soon = t.nearing()
		}
	})
}

// send notes that step n is on its way, as one of so many.
func (t *timeline) send(n, underWay int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent, t.underWay = n, max(t.underWay, underWay)
}

// acknowledge notes that step n has been acknowledged, and makes the changes of the schedule that come then.
func (t *timeline) acknowledge(n int) {
	t.mu.Lock()
	t.step = n
	t.mu.Unlock()
	t.mover.acknowledged(n)
}

// measure is sample for the reading at readiness and after each acknowledgement: it counts for what the steps take,
// unless the limit has been met, or the schedule has had memory taken back.
func (t *timeline) measure() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.sampleNow() {
		return
	}
	if s := t.samples[len(t.samples)-1]; s.Events.Max == 0 && s.Events.High == 0 && !t.mover.relieves() {
		t.line.Add(s.Step, s.Current+s.Swap)
	}
}

// sample reads the cage when the kernel has reported something. What cannot be read is left out here and named in
// Evidence.
func (t *timeline) sample() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.late = !t.sampleNow()
}

// observe takes a sample where it is another than the last one, unless one is being taken.
func (t *timeline) observe() {
	if t.mu.TryLock() {
		defer t.mu.Unlock()
		t.record(true)
	}
}

// sampleNow reads the cage for those who hold mu, and tells whether there is a sample. Of many reasons to do so it
// takes a part. Each kill it takes, since what is counted before the next step is sent makes that kill's step certain.
func (t *timeline) sampleNow() (taken bool) {
	if t.killed() {
		t.often.free = max(t.often.free, 1)
	}
	t.often.look(func() { taken = t.read() })
	return taken
}

// killed reports whether a kill was counted since the last time.
func (t *timeline) killed() bool {
	counted, err := t.recorder.kills()
	if err != nil || counted == t.counted {
		return false
	}
	t.counted = counted
	return true
}

// read takes a sample, and looks around.
func (t *timeline) read() bool {
	t.late = false
	t.seen.look(time.Since(t.start))
	return t.record(false)
}

// record takes a sample. Where only news are wanted, it leaves out a sample that is like the last one.
func (t *timeline) record(news bool) bool {
	s, err := t.recorder.read()
	if err != nil {
		return false
	}
	s.Step = t.step
	events, err := s.Events.Since(t.before.Events)
	if err != nil {
		return false
	}
	s.At, s.Events, s.Stat, s.Pressure = time.Since(t.start), events, s.Stat.Since(t.before.Stat), s.Pressure.Since(t.before.Pressure)
	if n := len(t.samples); news && n > 0 {
		if last := t.samples[n-1]; last.Current == s.Current && last.Swap == s.Swap && last.Events == s.Events {
			return true
		}
	}
	if len(t.samples) >= maxSamples {
		t.samples = t.samples.Halve(t.limit())
	}
	t.samples = append(t.samples, s)
	t.addKills(s.Events.OOMKill, s.At, t.sent, t.step)
	t.census.see(s, t.limit())
	t.captures.see(s.Current) // when it is known who is there: what is begun now changes that
	return true
}

// nearing is when the next part of the limit will be reached from which on it is noted who is in the cage, if memory grows
// on as it did last; 0: it does not grow, or all have been reached.
func (t *timeline) nearing() time.Duration {
	n, limit := len(t.samples), t.limit()
	if n < 2 || limit == 0 || t.census.reached == len(censusShares) {
		return 0
	}
	now, before := t.samples[n-1], t.samples[n-2]
	grown, took := now.Current-before.Current, now.At-before.At
	left := limit/100*censusShares[t.census.reached] - now.Current
	if grown <= 0 || took <= 0 || left <= 0 {
		return 0
	}
	soon := float64(took) * float64(left) / float64(grown)
	if soon >= math.MaxInt64 { // which as a Duration would be any, also a negative one
		return math.MaxInt64
	}
	return max(time.Duration(soon), time.Millisecond)
}

// limit is the memory.max that was seen last; 0 where there is none.
func (t *timeline) limit() Bytes {
	if t.seen.home == nil {
		return 0
	}
	limit := t.seen.limits[limitKey{t.seen.home.Name(), "memory.max"}]
	if limit == Unlimited {
		return 0
	}
	return limit
}

// maxTimelineText bounds what a timeline takes of a line of results, in bytes: that is to stay below 200 KB, of which the
// output has up to 64 KiB.
const maxTimelineText = 64 << 10
