package outcome

import (
	"encoding/json"
	"fmt"
	"math"
)

// Prediction is how many steps the target should acknowledge before its own limit kills it.
type Prediction struct {
	Lo int // at least so many
	Hi int // at most so many; math.MaxInt, which the JSON leaves out: there is no upper end
}

// predictionJSON has room for what a machine of 64 bits has predicted.
type predictionJSON struct {
	Lo int64  `json:"lo"`
	Hi *int64 `json:"hi,omitempty"`
}

// MarshalJSON writes {"lo": 4, "hi": 5}.
func (p Prediction) MarshalJSON() ([]byte, error) {
	as := predictionJSON{Lo: int64(p.Lo)}
	if p.Hi != math.MaxInt {
		hi := int64(p.Hi)
		as.Hi = &hi
	}
	return json.Marshal(as)
}

// UnmarshalJSON reads what MarshalJSON has written on any machine: where int has 32 bits, a larger number is math.MaxInt.
func (p *Prediction) UnmarshalJSON(data []byte) error {
	var as predictionJSON
	if err := json.Unmarshal(data, &as); err != nil {
		return err
	}
	*p = Prediction{Lo: toInt(as.Lo), Hi: math.MaxInt}
	if as.Hi != nil {
		p.Hi = toInt(*as.Hi)
	}
	return nil
}

func toInt(n int64) int { return int(min(n, math.MaxInt)) }

// Contains reports whether n lies from Lo to Hi.
func (p Prediction) Contains(n int) bool { return p.Lo <= n && n <= p.Hi }

// String returns "4..5", or "4.." where there is no upper end.
func (p Prediction) String() string {
	if p.Hi == math.MaxInt {
		return fmt.Sprintf("%d..", p.Lo)
	}
	return fmt.Sprintf("%d..%d", p.Lo, p.Hi)
}

// Baseline is what the cage held when the target was ready, before the first step, and what of the
// machine decides how memory is charged. The zero value is that of a target that was never ready.
type Baseline struct {
	Current Bytes `json:"current"` // memory.current
	File    Bytes `json:"file"`    // of Current the page cache, which the kernel takes back before it kills
	Slab    Bytes `json:"slab"`    // of Current the kernel's caches that it takes back too (slab_reclaimable)

	PageSize Bytes `json:"page_size"` // of the machine
	CPUs     int   `json:"cpus"`      // how many are online
	HugePage Bytes `json:"huge_page"` // the size of a transparent huge page, where a page fault may take one; 0: it may not

	// Room is how far the cgroup above the cage that has the least room is below its memory.max; at
	// least 1. 0: none of them has a limit, or it is not known.
	Room Bytes `json:"room,omitempty"`
	// RoomCache is how much the kernel can take back of what is charged to that cgroup (page cache
	// and slab_reclaimable), with what is in the cage.
	RoomCache Bytes `json:"room_cache,omitempty"`
}

// What the kernel and a target need beyond the bytes of the steps.
const (
	// chargeBatch is MEMCG_CHARGE_BATCH of mm/memcontrol.c: each CPU charges that many pages
	// ahead and gives them back when the limit is near.
	chargeBatch = 64
	// bytesPerPageTableEntry: each page of a step needs one entry in a page table (x86-64,
	// arm64), and page tables are charged too.
	bytesPerPageTableEntry = 8
	// warmUp is what a server allocates once on its first requests, after the probe: threads,
	// buffers, collector metadata. Where huge pages are on, the first touch may take a whole one. The gin app needs 0.2 to 0.7 MB (measured 2026-11).
	warmUp = 1 * MiB
)

// Predict returns how many steps of the given size fit between the baseline and l.Max, if the target touches and keeps every
// byte of a step. Without a Max, and for a step of 0, nothing can be said: it is 0 to math.MaxInt.
//
// Lo and Hi differ by what nobody can know: pages that CPUs have charged ahead, caches that can be taken back, a huge page that is not
// full, page tables, and what a target allocates once. For Lo each step takes whole pages, and for Hi its bytes alone, as an allocator
// may pack them. Swap that the limits allow counts for Hi. Where memory.high is below memory.max, Lo goes by memory.high, above which
// the target may be throttled for ever. Where the cgroups above the cage have less room than l.Max leaves, theirs counts.
func Predict(b Baseline, l Limits, step Bytes) Prediction {
	if step <= 0 || l.Max <= 0 || l.Max == Unlimited {
		return Prediction{Lo: 0, Hi: math.MaxInt}
	}
	page := max(b.PageSize, 1)
	limit := l.Max - l.Max%page
	pages := (step + page - 1) / page
	cost := pages * (page + bytesPerPageTableEntry)

	ahead := Bytes(b.CPUs) * chargeBatch * page
	room := limit - b.Current
	// A huge page of the baseline is charged in full, however little of it the target uses: the steps
	// may fill the rest, or the kernel split it and take the rest back.
	// None of it is more than there is: a machine with many CPUs may charge far ahead, and has not.
	most := room + min(b.File+b.Slab+b.HugePage+ahead, max(b.Current, 0))
	// Room that swap gives is only half sure: the kernel may kill before it has used it all.
	if l.Swap > 0 {
		most = addSaturating(most, l.Swap)
	}
	if l.High > 0 && l.High < limit {
		room = l.High - b.Current
	}
	if b.Room > 0 { // what they hold of others is taken back first; what the cage holds may be in use
		room = min(room, b.Room+max(b.RoomCache-b.File-b.Slab, 0))
		most = min(most, addSaturating(b.Room+b.RoomCache+min(b.HugePage+ahead, max(b.Current, 0)), l.Swap))
	}
	return Prediction{
		Lo: stepsIn(room-warmUp-b.HugePage, cost),
		Hi: stepsIn(most, step),
	}
}

// short reports whether the cgroups above left less room than the cage's own limit.
func (b Baseline) short(l Limits) bool {
	return b.Room > 0 && l.Max > 0 && b.Room+max(b.RoomCache-b.File-b.Slab, 0) < l.Max-b.Current
}

func stepsIn(room, step Bytes) int {
	if room <= 0 {
		return 0
	}
	return toInt(int64(room / step))
}

func addSaturating(a, b Bytes) Bytes {
	if a > 0 && b > math.MaxInt64-a {
		return math.MaxInt64
	}
	return a + b
}
