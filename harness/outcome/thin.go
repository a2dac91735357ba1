package outcome

import (
	"cmp"
	"encoding/json"
	"slices"
)

// Shares of memory.max, in percent, from which on a Census is taken. Halve keeps the first sample at each.
const (
	NearLimitPercent = 80
	AtLimitPercent   = 95
)

// Halve returns the timeline without half of its samples: those with which the least changes. It keeps the first and the last sample, the
// first at 80 % and at 95 % of the limit (memory.max; 0: there is none), the last before the first kill and the first after it, and
// landmarks. It keeps the last sample of each step too, unless these alone are more than half.
func (t Timeline) Halve(limit Bytes) Timeline {
	spared := landmarks(t, limit)
	ends := 0
	for i := range t {
		if i+1 == len(t) || t[i+1].Step != t[i].Step {
			ends++
		}
	}
	order := make([]int, 0, len(t))
	for i := range t {
		end := i+1 == len(t) || t[i+1].Step != t[i].Step
		if !spared[i] && (!end || ends > len(t)/2) {
			order = append(order, i)
		}
	}
	// Of samples with which equally little changes, every second one goes, so that those that stay cover the whole run.
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(news(t, a), news(t, b)), cmp.Compare(b%2, a%2))
	})
	dropped := map[int]bool{}
	for _, i := range order[:min(len(order), (len(t)-1)/2)] {
		dropped[i] = true
	}
	kept := make(Timeline, 0, cap(t))
	for i, s := range t {
		if !dropped[i] {
			kept = append(kept, s)
		}
	}
	return kept
}

// landmarks are the samples that are never left out.
func landmarks(t Timeline, limit Bytes) map[int]bool {
	spared := map[int]bool{0: true, len(t) - 1: true}
	if limit > 0 {
		for _, share := range []Bytes{NearLimitPercent, AtLimitPercent} {
			if i := slices.IndexFunc(t, func(s Sample) bool { return s.Current >= limit/100*share }); i >= 0 {
				spared[i] = true
			}
		}
	}
	for i, s := range t {
		if s.Landmark {
			spared[i] = true
		}
	}
	if i := t.firstKill(); i >= 0 {
		spared[i], spared[max(i-1, 0)] = true, true
	}
	return spared
}

// firstKill is where the first OOM kill had been counted, or -1.
func (t Timeline) firstKill() int {
	return slices.IndexFunc(t, func(s Sample) bool { return s.Events.OOMKill > 0 })
}

// news is how much changes with a sample: the bytes by which it differs from the one before, by kind.
func news(t Timeline, i int) (changed Bytes) {
	if i == 0 {
		return 0
	}
	now, before := t[i], t[i-1]
	for _, d := range []Bytes{
		now.Current - before.Current, now.Swap - before.Swap, now.Stat.Anon - before.Stat.Anon, now.Stat.File - before.Stat.File,
		now.Stat.Shmem - before.Stat.Shmem, now.Stat.Sock - before.Stat.Sock, now.Stat.Kernel - before.Stat.Kernel,
	} {
		changed += d.abs()
	}
	return changed
}

// Fit halves the timeline until its JSON has at most length bytes, as far as Halve can; see there for the limit.
func (t Timeline) Fit(length int, limit Bytes) Timeline {
	for {
		text, err := json.Marshal(t)
		if err != nil || len(text) <= length || len(t) < 2 {
			return t
		}
		shorter := t.Halve(limit)
		if len(shorter) == len(t) {
			return t
		}
		t = shorter
	}
}

const (
	// maxLine bounds a line of results, in bytes. All that is in it has bounds of its own, and is below maxLine together as long as
	// the output and the error have less than maxWords in JSON.
	maxLine  = 200_000
	maxWords = 32 << 10
	// fewResidents is how many processes a Census has at least.
	fewResidents = 16
)

// fit thins the timeline, and then the censuses, until the outcome's JSON is below length bytes, as far as they can be.
func (o *Outcome) fit(length int) {
	if words, err := json.Marshal([]string{o.Output, o.Error}); err != nil || len(words) < maxWords {
		return
	}
	limit, _ := o.Evidence.inForce()
	for {
		line, err := json.Marshal(o)
		if err != nil || len(line) < length {
			return
		}
		before := len(o.Timeline)
		if o.Timeline = o.Timeline.Halve(limit); len(o.Timeline) < before {
			continue
		}
		thinned := false
		for i, c := range o.Census {
			if n := len(c.Processes); n > fewResidents {
				o.Census[i], thinned = c.Largest(max(n/2, fewResidents)), true
			}
		}
		if !thinned {
			return
		}
	}
}
