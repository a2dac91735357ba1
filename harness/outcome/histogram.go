package outcome

import (
	"math/bits"
	"time"
)

const (
	// subBits is how many bits of a time a histogram tells apart below the highest one: the parts of a power of two are 128,
	// and the middle of a part is within 0.4 % of all that is in it.
	subBits = 7
	parts   = 1 << subBits
)

// histogram counts times in parts that grow with them. Times below 256 ns have one each.
type histogram struct {
	counts [(64 - subBits) * parts]uint32
	n      int
}

func (h *histogram) add(d time.Duration) {
	h.n++
	h.counts[partOf(uint64(max(d, 0)))]++
}

// partOf is where v is counted.
func partOf(v uint64) int {
	shift := max(bits.Len64(v)-1-subBits, 0)
	return shift*parts + int(v>>shift)
}

// middle is the middle of what a part counts.
func middle(part int) time.Duration {
	shift := max(part/parts-1, 0)
	low := uint64(part-shift*parts) << shift
	return time.Duration(low + (1<<shift-1)/2)
}

// quantile is the least time that at least this share of all do not exceed, within 0.4 %.
func (h *histogram) quantile(share float64) time.Duration {
	left := rank(share, h.n)
	for part, count := range h.counts {
		if left -= int(count); left < 0 {
			return middle(part)
		}
	}
	return 0
}

// rank is the place of a quantile among n sorted values.
func rank(share float64, n int) int {
	// In whole numbers: 0.95 is not exact in a float64, and the product could come out just above a whole number.
	const whole = 1_000_000
	return max((int(share*whole+0.5)*n+whole-1)/whole-1, 0)
}
