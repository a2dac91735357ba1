package sweep

import (
	"cmp"
	"fmt"
	"time"

	"oomcage/harness/outcome"
)

// Trial is what was seen at one limit: a point of the curve of an Answer. What was measured is the worst of all runs that survived;
// 0 where it is not known.
type Trial struct {
	Max      outcome.Bytes `json:"max"`            // memory.max
	Runs     int           `json:"runs"`           // how many there were
	Survived int           `json:"survived"`       // how many of them survived; see Survived
	Well     int           `json:"well,omitempty"` // how many of these met Search.Criteria; 0 where those ask for nothing

	Peak     outcome.Bytes `json:"peak,omitempty"`       // the highest memory.peak, here of all runs
	Held     outcome.Bytes `json:"held,omitempty"`       // the most that the kernel could not have taken back at the peak, less the swap that was allowed
	P99      time.Duration `json:"p99,omitempty"`        // the longest Latency.P99
	Rate     float64       `json:"per_second,omitempty"` // the lowest Latency.PerSecond
	Pressure float64       `json:"pressure,omitempty"`   // the highest PressureOf
	Refaults uint64        `json:"refaults,omitempty"`   // the highest Evidence.Refaults

	// Outcomes are those of the runs, in their order, without Timeline, Census, StepTimes and Output.
	Outcomes []*outcome.Outcome `json:"-"`
}

// survives reports whether all runs survived.
func (t Trial) survives() bool { return t.Survived == t.Runs }

// Interval returns the share of runs that survive at this limit, with a confidence of 95 %: 0 to 1 without a run.
func (t Trial) Interval() Interval { return wilson(t.Survived, t.Runs) }

// String returns "142MiB: 0 of 3".
func (t Trial) String() string { return fmt.Sprintf("%v: %d of %d", t.Max, t.Survived, t.Runs) }

// add takes in a run.
func (t *Trial) add(o *outcome.Outcome, w Criteria) {
	t.Runs++
	t.Peak = max(t.Peak, o.Peak)
	t.Outcomes = append(t.Outcomes, withoutBulk(o))
	if !Survived(o) {
		return
	}
	t.Survived++
	if w.Asked() && w.unmet(o) == "" {
		t.Well++
	}
	t.Held = max(t.Held, held(o))
	t.Pressure = max(t.Pressure, PressureOf(o))
	t.Refaults = max(t.Refaults, o.Evidence.Refaults)
	if l := o.Latency; l != nil {
		t.P99 = max(t.P99, l.P99)
		if t.Rate == 0 || l.PerSecond < t.Rate {
			t.Rate = l.PerSecond
		}
	}
}

// withoutBulk is an outcome without what takes the most room, so that a search of any length has room.
func withoutBulk(o *outcome.Outcome) *outcome.Outcome {
	small := *o
	small.Timeline, small.Output, small.StepTimes, small.Census = []outcome.Sample{}, "", nil, nil
	return &small
}

// firstThat is the first run that is such; nil where there is none.
func (t Trial) firstThat(is func(*outcome.Outcome) bool) *outcome.Outcome {
	for _, o := range t.Outcomes {
		if is(o) {
			return o
		}
	}
	return nil
}

// hugePage is the size of a huge page of the machine: what one table of 8 bytes a page maps, 2 MiB for pages of 4 KiB and 32 MiB for
// those of 16. What is empty of one the kernel gives back near the limit, or does not give out at all.
func hugePage(b outcome.Baseline) outcome.Bytes {
	page := cmp.Or(b.PageSize, 4*outcome.KiB)
	return cmp.Or(b.HugePage, page*(page/8))
}

// spare is what the kernel can take back by its kind: page cache, names and inodes.
func spare(c *outcome.Composition) outcome.Bytes {
	return max(c.Stat.File-c.Stat.Shmem, 0) + c.Stat.SlabReclaimable
}

// held is what a run that lived had at its peak and the kernel could not have taken back. Swap that it used would have been
// needed, and what it may use is room. 0: not known.
func held(o *outcome.Outcome) outcome.Bytes {
	c := o.Evidence.Fullest
	if c == nil || o.Spec.Limits.Swap == outcome.Unlimited {
		return o.Peak
	}
	return max(max(o.Peak, c.Current)-spare(c)+c.Swap-o.Spec.Limits.Swap, 1)
}

// sightOf is what a run tells of the limits that are worth a try. step is what a step took in one that lived, and need what such
// a one held, or 0.
func sightOf(o *outcome.Outcome, step, need outcome.Bytes) sight {
	c := o.Evidence.Fullest
	if !Survived(o) {
		s := sight{missing: step * outcome.Bytes(max(o.Spec.Load.Count-o.Acknowledged-1, 0))}
		if c != nil && c.Kernel { // in the moment of the kill
			s.stuck = spare(c)
		}
		limit := o.Spec.Limits.Max
		if o.Verdict == outcome.RuntimeOOM && o.Peak > 0 && o.Peak < limit && need > o.Peak { // it allows itself a part of its limit
			s.missing = max(s.missing, outcome.Bytes(float64(limit)*float64(need)/float64(o.Peak))-limit)
		}
		return s
	}
	s := sight{lives: true, need: held(o)}
	if c != nil && c.Stat.AnonTHP > 0 {
		s.need = max(s.need-hugePage(o.Baseline)/2, 1)
	}
	return s
}
