package sweep

import (
	"cmp"
	"math"
	"slices"

	"oomcage/harness/outcome"
)

// walk chooses the limits that are tried, of those between its ends: multiples of the tolerance, and the ends themselves. It
// knows only what it was told of the runs, so that the same runs lead the same way.
//
// It takes the smallest limit for which all that were tried above it live too. From the top it goes to where the memory of
// those that lived points, one run at each limit, and then proves what it has found by all repeats: the limit, the one
// below and the one above. Where the runs at a limit do not agree, it finds the ends of the border by more repeats there.
type walk struct {
	lo, hi, tolerance outcome.Bytes

	repeats int // runs that must live at the answer
	confirm int // and where the border is not sharp

	// halve is set where what is looked for is a measure, about which the memory of a run says little.
	halve bool

	tried   []tried       // the lowest first
	step    outcome.Bytes // of the next move that no estimate tells
	guesses int
	fell    bool // the run of the last move died
}

// tried is what is known of a limit.
type tried struct {
	max         outcome.Bytes
	runs, lived int
	need        outcome.Bytes // the most of those that lived
	floor       outcome.Bytes // a limit of which those that died tell that it is too low, or 0
	stuck       outcome.Bytes // the most that those that died could have given back by its kind, and had not
}

func (t tried) lives() bool { return t.lived == t.runs }
func (t tried) mixed() bool { return t.lived > 0 && !t.lives() }

// sight is what one run tells of the limits that are worth a try.
type sight struct {
	lives   bool
	need    outcome.Bytes // of one that lived: what it held and could not have given back; 0: not known
	missing outcome.Bytes // of one that died: how much more it would have taken at least
	stuck   outcome.Bytes // of one that died: what it could have given back by its kind, and had not: it was in use
}

// want is how many runs a limit should have, with those that it has.
type want struct {
	max  outcome.Bytes
	runs int
}

// maxGuesses is after how many moves that an estimate has led the rest is halved, so that no program takes many more
// limits than halving alone.
const maxGuesses = 7

// growth is how much longer each step is than the one before.
const growth = 2

// maxLimits ends a search that gets nowhere, as where each run lives or dies by chance alone.
const maxLimits = 60

// add takes in one run.
func (w *walk) add(limit outcome.Bytes, s sight) {
	i, found := slices.BinarySearchFunc(w.tried, limit, func(t tried, max outcome.Bytes) int { return cmp.Compare(t.max, max) })
	if !found {
		w.tried = slices.Insert(w.tried, i, tried{max: limit})
	}
	t := &w.tried[i]
	t.runs++
	if s.lives {
		t.lived++
		t.need = max(t.need, s.need)
	} else {
		t.floor, t.stuck = max(t.floor, limit+s.missing), max(t.stuck, s.stuck)
	}
	w.fell = !s.lives
}

// next is what to run next; nothing when the answer is proved, or there is none.
func (w *walk) next() []want {
	top := w.at(w.hi)
	if top.runs == 0 {
		return []want{{w.hi, 1}}
	}
	if !top.lives() {
		return w.lacking(w.repeats, w.hi)
	}
	if len(w.tried) >= maxLimits {
		return nil
	}
	if slices.ContainsFunc(w.tried, tried.mixed) {
		return w.border()
	}
	dead, alive := w.bracket()
	if c := w.candidate(dead, alive); c != 0 {
		return []want{{c, 1}}
	}
	prove := []outcome.Bytes{alive, w.below(alive), w.above(alive)}
	for _, t := range w.tried {
		if t.max < dead && t.lived > 0 { // by chance, or does more memory harm?
			prove = append(prove, t.max)
		}
	}
	return w.lacking(w.repeats, prove...)
}

// at is what is known of a limit.
func (w *walk) at(limit outcome.Bytes) tried {
	for _, t := range w.tried {
		if t.max == limit {
			return t
		}
	}
	return tried{max: limit}
}

// lacking are the limits of these that have had fewer runs.
func (w *walk) lacking(runs int, limits ...outcome.Bytes) (all []want) {
	slices.Sort(limits)
	for _, limit := range slices.Compact(limits) {
		if limit != 0 && w.at(limit).runs < runs {
			all = append(all, want{limit, runs})
		}
	}
	return all
}

// bracket is the highest limit at which a run died, or 0, and the lowest one above at which all lived: 0 where not even the top does.
func (w *walk) bracket() (dead, alive outcome.Bytes) {
	for _, t := range slices.Backward(w.tried) {
		if !t.lives() {
			return t.max, alive
		}
		alive = t.max
	}
	return 0, alive
}

// answer is the smallest limit that lives, with all that were tried above; 0 where there is none.
func (w *walk) answer() outcome.Bytes {
	_, alive := w.bracket()
	return alive
}

// below is the next limit below, or 0.
func (w *walk) below(limit outcome.Bytes) outcome.Bytes {
	if limit <= w.lo {
		return 0
	}
	return max((limit-1)/w.tolerance*w.tolerance, w.lo)
}

// above is the next limit above, or 0.
func (w *walk) above(limit outcome.Bytes) outcome.Bytes {
	switch {
	case limit >= w.hi:
		return 0
	case limit < w.lo:
		return w.lo
	}
	return min(limit/w.tolerance*w.tolerance+w.tolerance, w.hi)
}

// up is the lowest limit that is no lower.
func (w *walk) up(limit outcome.Bytes) outcome.Bytes {
	if limit >= w.hi {
		return w.hi
	}
	return w.above(limit - 1)
}

// candidate is the next limit to try between a dead one, or 0, and one that lives; 0 where nothing is between.
func (w *walk) candidate(dead, alive outcome.Bytes) outcome.Bytes {
	first, last := w.above(dead), w.below(alive)
	if last <= dead {
		return 0
	}
	w.guesses++
	c := w.middle(dead, alive)
	if w.guesses <= maxGuesses {
		c = w.guess(dead, alive)
	}
	return max(first, min(c, last))
}

// middle is between the two: by their ratio where it is large, as nobody asks for the limit of a small program to a part of a
// large one's.
func (w *walk) middle(dead, alive outcome.Bytes) outcome.Bytes {
	low := max(dead, w.lo)
	if alive > 3*low {
		return w.up(outcome.Bytes(math.Sqrt(float64(low) * float64(alive))))
	}
	return w.up(low + (alive-low)/2)
}

// guess goes where the memory of the runs points and, where they say nothing new, on from the end that was moved last, in
// steps that grow.
func (w *walk) guess(dead, alive outcome.Bytes) outcome.Bytes {
	estimate, sure := w.estimate(dead)
	middle := w.middle(dead, alive)
	switch {
	case estimate == 0, !sure && estimate <= middle:
		return middle // a line that leads far has led astray
	case w.halve && (estimate >= alive-alive/16 || estimate <= dead):
		return middle
	case w.halve:
		return estimate
	}
	w.step = max(w.step, w.tolerance)
	if w.fell { // upwards
		if estimate >= alive { // alive is the answer, it says
			return max(w.below(alive)-w.step+w.tolerance, middle)
		}
		c := dead + w.step
		if estimate > c {
			return estimate
		}
		w.step *= growth
		return min(c, max(middle, estimate))
	}
	c := alive - w.step
	if dead < estimate && estimate < c {
		return estimate
	}
	w.step *= growth
	return max(c, middle)
}

// estimate is the limit that the runs point to, or 0. What the lowest that lived has held is what it needs, if a higher limit
// makes it hold no more; where it does, as a runtime that sizes its heap by the limit, a line through both says at which
// limit it would hold just that much, and that is not sure.
func (w *walk) estimate(dead outcome.Bytes) (limit outcome.Bytes, sure bool) {
	var need, floor, stuck outcome.Bytes
	sure = true
	for i, t := range w.tried {
		switch {
		case t.max <= dead:
			floor, stuck = max(floor, t.floor), max(stuck, t.stuck)
			continue
		case t.need == 0:
			continue
		}
		need = t.need
		for _, higher := range w.tried[i+1:] {
			if slope, ok := slopeOf(t, higher); ok && !w.halve {
				need, sure = min(need, outcome.Bytes((float64(t.need)-slope*float64(t.max))/(1-slope))), false
				break
			}
		}
		break
	}
	if need == 0 && sure {
		return 0, false
	}
	return w.up(max(need+stuck, floor, 1)), sure
}

// slopeOf is how much more a program holds for each byte that its limit is higher, where that is worth a word.
func slopeOf(low, high tried) (slope float64, ok bool) {
	if high.need == 0 || low.need == 0 || high.max < low.max+low.max/5 {
		return 0, false
	}
	slope = float64(high.need-low.need) / float64(high.max-low.max)
	return slope, slope >= 0.05 && slope < 0.9
}
