package sweep

import (
	"slices"

	"oomcage/harness/outcome"
)

// border is what to run next where the runs at a limit did not agree: it finds a limit below which no run lives, and one from
// which on all do, as far as more repeats can tell.
func (w *walk) border() []want {
	dead, alive := w.bracket()
	none, some := w.bottom()
	wide := dead - none // as far as it is known
	if none == 0 {
		wide = dead - min(some, dead) + w.tolerance
	}

	// The upper end, to the tolerance: it is the answer.
	if w.above(dead) != alive {
		c := w.middle(dead, alive)
		if alive-dead > 2*wide {
			c = w.up(dead + wide)
		}
		return []want{{max(w.above(dead), min(c, w.below(alive))), w.repeats}}
	}
	if more := w.lacking(w.repeats, alive, w.below(alive), w.above(alive)); more != nil {
		return more
	}
	if more := w.lacking(w.confirm, alive); more != nil {
		return more
	}
	if w.confirm <= w.repeats {
		return nil
	}
	// The lower end, to a quarter of the border.
	if some > w.lo && some-none > max(w.tolerance, wide/4) {
		c := w.up(max(some-wide, w.lo))
		if none != 0 {
			c = w.up(none + (some-none)/2)
		}
		return []want{{max(w.above(none), min(c, w.below(some))), w.repeats}}
	}
	return w.lacking(w.confirm, none)
}

// bottom is the highest limit, or 0, below all at which a run has lived, and the lowest of these.
func (w *walk) bottom() (none, some outcome.Bytes) {
	for _, t := range slices.Backward(w.tried) {
		if t.lived > 0 {
			some, none = t.max, 0
		} else if none == 0 {
			none = t.max
		}
	}
	return none, some
}
