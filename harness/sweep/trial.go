package sweep

import (
	"cmp"
	"fmt"
	"time"

	"oomcage/harness/outcome"
)

// Trial is what was seen at one limit. Of what was measured it has the worst of all runs that lived, and 0 where that is not
// known: this is the curve of an Answer.
type Trial struct {
	Max      outcome.Bytes `json:"max"`
	Runs     int           `json:"runs"`
	Survived int           `json:"survived"`       // of these
	Well     int           `json:"well,omitempty"` // of these, as Search.Criteria ask; 0 where they ask for nothing

	Peak     outcome.Bytes `json:"peak,omitempty"` // the highest of all runs, also of those that died
	Held     outcome.Bytes `json:"held,omitempty"` // of the peak what the kernel could not take back
	P99      time.Duration `json:"p99,omitempty"`
	Rate     float64       `json:"per_second,omitempty"` // steps
	Pressure float64       `json:"pressure,omitempty"`   // part of the run's time in which something waited for memory
	Refaults uint64        `json:"refaults,omitempty"`

	Outcomes []*outcome.Outcome `json:"-"` // without their timelines and outputs
}

// survives reports whether all runs survived.
func (t Trial) survives() bool { return t.Survived == t.Runs }

// Interval is how often a run survives at this limit: between which shares, with a confidence of 95 %.
func (t Trial) Interval() Interval { return wilson(t.Survived, t.Runs) }

// String prints "142MiB: 0 of 3".
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
