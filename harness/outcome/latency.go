package outcome

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"oomcage/harness/internal/human"
)

// Latency sums up how long the acknowledged steps of a run took. It is exact up to 32,768 steps; of more the quantiles are within
// 0.4 %.
type Latency struct {
	Count     int            `json:"count"`             // how many steps were acknowledged; 0: the times below are 0
	P50       time.Duration  `json:"p50"`               // half of them took no longer
	P95       time.Duration  `json:"p95"`               // 95 % of them took no longer
	P99       time.Duration  `json:"p99"`               // 99 % of them took no longer
	Max       time.Duration  `json:"max"`               // how long the slowest took
	Last      time.Duration  `json:"last"`              // how long the last one before the end took
	PerSecond float64        `json:"per_second"`        // how many there were a second, from the begin of the first to the end of the last
	Doubled   *Doubling      `json:"doubled,omitempty"` // nil: they did not become slower
	Failed    map[Answer]int `json:"failed,omitempty"`  // how many of the other steps, in flight at the end or failed, had which answer; nil: none
}

// Doubling is where steps began to take at least twice as long as the median of the first half, and most steps did so
// from there on. A slow begin and a single slow step are no doubling.
type Doubling struct {
	Step    int           `json:"step"`          // the number of the first such step
	At      time.Duration `json:"at"`            // when it was sent, since the run began
	Current Bytes         `json:"current"`       // memory.current of the last sample by then
	Limit   Bytes         `json:"max,omitempty"` // memory.max then; 0: no limit
}

// Latency sums up the steps; nil before the first one. The timeline and the evidence are those of the run: they say how full the cage
// was when steps became slower.
func (l *StepLog) Latency(t Timeline, e Evidence) *Latency {
	if l.count == 0 {
		return nil
	}
	s := &Latency{Count: l.ok.count, Last: l.ok.last.Took, Max: l.ok.longest}
	for _, k := range l.kinds {
		if s.Failed == nil {
			s.Failed = map[Answer]int{}
		}
		s.Failed[k.kind] = k.count
	}
	if l.ok.count == 0 {
		return s
	}
	if span := l.ok.end - l.ok.begin; span > 0 {
		s.PerSecond = float64(s.Count) / span.Seconds()
	}
	acked := slices.Clone(l.evenly)
	acked = slices.DeleteFunc(acked, func(s StepTime) bool { return s.Answer != AnswerOK })
	if i := doubledAt(acked); i >= 0 {
		s.Doubled = &Doubling{Step: acked[i].N, At: acked[i].Begin, Current: t.currentAt(acked[i].Begin), Limit: e.maxAt(acked[i].Begin)}
	}
	if l.took != nil {
		s.P50, s.P95, s.P99 = l.took.quantile(0.5), l.took.quantile(0.95), l.took.quantile(0.99)
		return s
	}
	took := tooks(acked)
	slices.Sort(took)
	s.P50, s.P95, s.P99 = took[rank(0.5, len(took))], took[rank(0.95, len(took))], took[rank(0.99, len(took))]
	return s
}

func tooks(steps []StepTime) []time.Duration {
	took := make([]time.Duration, len(steps))
	for i, s := range steps {
		took[i] = s.Took
	}
	return took
}

const (
	// minDoubled is how many steps in a row tell that steps have become slower: most of three, so that one which is slow by
	// chance does not.
	minDoubled = 3
	// maxDoubled is how many are looked at where there are many steps; below it, a fiftieth of all.
	maxDoubled = 101
)

// doubledAt is the place of the step at which the latency doubled, or -1. It is slow itself, as are most of those that
// follow next, and most of all that follow; before it there were as many that were not.
func doubledAt(steps []StepTime) int {
	n := len(steps)
	if n < 2*minDoubled {
		return -1
	}
	first := tooks(steps[:n/2])
	slices.Sort(first)
	slow := 2 * first[rank(0.5, len(first))]
	window := min(max(n/50, minDoubled), maxDoubled)
	until := make([]int, n+1) // how many slow steps there are before each
	for i, s := range steps {
		until[i+1] = until[i]
		if s.Took >= slow && slow > 0 {
			until[i+1]++
		}
	}
	longer := func(from, to int) bool { return 2*(until[to]-until[from]) > to-from }
	warm := false
	for i := range n - window + 1 {
		switch {
		case !longer(i, i+window):
			warm = true
		case warm && until[i+1] > until[i] && longer(i, n):
			return i
		}
	}
	return -1
}

// currentAt is memory.current of the last sample by then, or of the first one.
func (t Timeline) currentAt(at time.Duration) Bytes {
	current := Bytes(0)
	for i, s := range t {
		if i > 0 && s.At > at {
			break
		}
		current = s.Current
	}
	return current
}

// maxAt is memory.max of the cage by then, as far as changes were seen; 0 without a limit.
func (e Evidence) maxAt(at time.Duration) Bytes {
	if limit := e.limitAt("memory.max", e.Limits.Max, at); limit != Unlimited {
		return limit
	}
	return 0
}

// limitAt is a limit of the cage at that time, as far as changes of the one from the start were seen.
func (e Evidence) limitAt(file string, start Bytes, at time.Duration) Bytes {
	limit := start
	for _, c := range e.LimitChanges {
		if c.Group == e.Cage && c.File == file && c.At <= at {
			limit = c.To
		}
	}
	return limit
}

// String returns "doubled at 87 % of memory.max", or at a size where there is no limit.
func (d *Doubling) String() string {
	if d.Limit <= 0 {
		return "doubled at " + human.Size(d.Current)
	}
	return fmt.Sprintf("doubled at %.0f %% of memory.max", 100*float64(d.Current)/float64(d.Limit))
}

// String returns "p50 1.2 ms, p95 2.0 ms, p99 3.1 ms; the last before the end 310 ms; doubled at 87 % of memory.max; 203
// steps/s".
func (s *Latency) String() string {
	var parts []string
	if s.Count > 0 {
		parts = append(parts,
			fmt.Sprintf("p50 %s, p95 %s, p99 %s", human.Duration(s.P50), human.Duration(s.P95), human.Duration(s.P99)),
			"the last before the end "+human.Duration(s.Last))
		if s.Doubled != nil {
			parts = append(parts, s.Doubled.String())
		}
		parts = append(parts, rate(s.PerSecond)+" steps/s")
	}
	var failed []string
	for _, kind := range slices.Sorted(maps.Keys(s.Failed)) {
		failed = append(failed, fmt.Sprintf("%d %s", s.Failed[kind], kind))
	}
	if failed != nil {
		parts = append(parts, "not acknowledged: "+strings.Join(failed, ", "))
	}
	return strings.Join(parts, "; ")
}

// rate prints "203", "2.5" or "0.04".
func rate(perSecond float64) string {
	switch {
	case perSecond >= 10:
		return fmt.Sprintf("%.0f", perSecond)
	case perSecond >= 1:
		return fmt.Sprintf("%.1f", perSecond)
	}
	return fmt.Sprintf("%.2f", perSecond)
}
