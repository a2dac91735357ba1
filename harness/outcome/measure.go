package outcome

import (
	"fmt"
	"math"
	"strings"

	"oomcage/harness/internal/human"
)

// Measured is what a step took: the slope of memory.current and memory.swap.current together over the acknowledged steps,
// by least squares, from the time when the target was ready. Steps after memory.max or memory.high had been met are left out, as the
// kernel takes memory back there.
type Measured struct {
	Step  Bytes `json:"step"`  // what one step took; negative where memory fell
	Error Bytes `json:"error"` // how far Step may be off, up or down
	Steps int   `json:"steps"` // the number of the last step that was measured
}

// Slope is a line of least squares through points of steps and bytes. The zero value has no points.
type Slope struct {
	n, x, y       float64 // how many points, and their means
	xx, xy, yy    float64 // sums of the deviations' products
	first, latest int
}

// Add takes in one more point: how much there was after so many steps. It keeps the sums as Welford does, so that large values lose no
// digits.
func (s *Slope) Add(step int, size Bytes) {
	if s.n == 0 {
		s.first = step
	}
	s.latest = step
	s.n++
	dx, dy := float64(step)-s.x, float64(size)-s.y
	s.x += dx / s.n
	s.y += dy / s.n
	s.xx += dx * (float64(step) - s.x)
	s.xy += dx * (float64(size) - s.y)
	s.yy += dy * (float64(size) - s.y)
}

// Measured returns what a step took; nil before there are two points. underWay is how many steps may have been in flight at once:
// at one point the target may have taken all of them, before it answers, and at another none.
func (s *Slope) Measured(b Baseline, underWay int) *Measured {
	if s.n < 2 || s.xx == 0 {
		return nil
	}
	per := s.xy / s.xx
	scatter := 0.0
	if s.n > 2 {
		scatter = math.Sqrt(max(s.yy-per*s.xy, 0) / (s.n - 2) / s.xx)
	}
	span, ahead := float64(s.latest-s.first), float64(max(underWay-1, 0))
	// Each of the ends may be off by what was charged ahead, and the first by what is allocated once. Where the steps that were
	// taken ahead became fewer or more, span steps were answered while that many less or more were taken.
	off := 2*scatter + float64(b.noise()+warmUp)/span + math.Abs(per)*ahead/max(span-ahead, 1)
	return &Measured{Step: Bytes(math.Round(per)), Error: Bytes(math.Ceil(off)), Steps: s.latest}
}

// noise is how much of memory.current one reading may have too much or too little: what the CPUs have charged ahead,
// and what is still empty of a huge page. It is never more than there is.
func (b Baseline) noise() Bytes {
	return min(Bytes(b.CPUs)*chargeBatch*max(b.PageSize, 1), max(b.Current, 0)) + b.HugePage
}

// bookkeeping is the part of a step, a hundredth, that page tables and an allocator may take beside it. The former
// need a 512th (bytesPerPageTableEntry).
const bookkeeping = 100

// differs reports whether a step took another size than declared, by more than the error.
func (m *Measured) differs(declared Bytes) bool {
	return m != nil && declared > 0 && (m.Step-declared).abs() > m.Error+declared/bookkeeping
}

// flat reports whether memory did not grow while steps were acknowledged: what a step took cannot be told from nothing, but
// from the declared size it can. Without a declared size more than one step is needed, and memory may have grown by no
// more than one reading may be off.
func (m *Measured) flat(b Baseline, declared Bytes) bool {
	switch {
	case m == nil:
		return false
	case declared > 0:
		return m.Step <= m.Error && m.Step+m.Error < declared
	}
	return m.Steps > 1 && float64(m.Step)*float64(m.Steps) <= float64(b.noise())
}

func (b Bytes) abs() Bytes {
	if b < 0 {
		return -b
	}
	return b
}

// Certain reports whether the error is smaller than the size: else the two together are no more than a bound.
func (m *Measured) Certain() bool { return m.Step.abs() > m.Error }

// String returns "20.0 MiB (±10.0 KiB)", or "at most 119.1 MiB" where it is not Certain.
func (m *Measured) String() string {
	if !m.Certain() {
		return "at most " + human.Size(m.Step+m.Error)
	}
	return fmt.Sprintf("%s (±%s)", human.Size(m.Step), human.Size(m.Error))
}

// onlyReads reports whether the steps are GET or HEAD, as of a static site: that takes no memory, unless it is declared to.
func (l Load) onlyReads() bool {
	return strings.HasPrefix(l.Name, "GET ") || strings.HasPrefix(l.Name, "HEAD ")
}

// Differs says how what the steps took differs from Load.Bytes: "a step took 40.0 MiB (±10.0 KiB), not the 20.0 MiB declared", or
// that memory did not grow at all; "" where it does not differ by more than the error, or was not measured.
func (o *Outcome) Differs() string {
	m, declared := o.Measured, o.Spec.Load.Bytes
	if declared == 0 && o.Spec.Load.onlyReads() {
		return ""
	}
	switch {
	case m.flat(o.Baseline, declared) && m.Steps == 1:
		return "1 step acknowledged, and memory did not grow: was it taken?"
	case m.flat(o.Baseline, declared):
		return fmt.Sprintf("%d steps acknowledged, and memory did not grow: were they taken?", m.Steps)
	case m.differs(declared):
		return fmt.Sprintf("a step took %s, not the %s declared", m, human.Size(declared))
	}
	return ""
}
