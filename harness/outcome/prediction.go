package outcome

import (
	"encoding/json"
	"fmt"
	"math"
)

// Prediction is how many steps the target should acknowledge before its own limit kills it: at
// least Lo and at most Hi. A Hi of math.MaxInt is no upper end, and is left out of the JSON.
type Prediction struct {
	Lo int
	Hi int
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

// UnmarshalJSON reads what MarshalJSON has written on any machine: more steps than an int can count are no end.
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

// Contains reports whether n steps are within the prediction.
func (p Prediction) Contains(n int) bool { return p.Lo <= n && n <= p.Hi }

// String prints "4..5", or "4.." where there is no upper end.
func (p Prediction) String() string {
	if p.Hi == math.MaxInt {
		return fmt.Sprintf("%d..", p.Lo)
	}
	return fmt.Sprintf("%d..%d", p.Lo, p.Hi)
}

// Baseline is what the cage held when the target was ready, before the first step, and the
// machine's properties that decide how memory is charged. It is all that Predict needs.
type Baseline struct {
	Current Bytes `json:"current"` // memory.current
	File    Bytes `json:"file"`    // of it page cache, which the kernel takes back before it kills
	Slab    Bytes `json:"slab"`    // of it kernel caches that it takes back too (slab_reclaimable)

	PageSize Bytes `json:"page_size"`
	CPUs     int   `json:"cpus"`      // that are online
	HugePage Bytes `json:"huge_page"` // size of a transparent huge page that a page fault may take; 0 where they are off

	// Room is how much the cgroups above the cage were below their memory.max; the least of them counts, and it is
	// at least 1. 0: none of them has a limit, or it is not known.
	Room Bytes `json:"room,omitempty"`
	// RoomCache is how much of what is charged to the cgroup with the least room the kernel can take back (page cache
	// and slab_reclaimable), that of the cage included.
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

// Predict says how many steps of the given size fit between the baseline and l.Max, if every
// byte of a step is touched and kept. It is exact up to what the kernel leaves open: pages that
// were charged ahead, caches that can be taken back, a huge page that is not full, and page tables.
// Whether a step that is no multiple of a page begins on a page of its own is the target's to decide: the
// lower end counts whole pages, and the upper end bytes, as an allocator that packs needs no more.
// Where the cgroups above have less room than l.Max leaves, theirs counts. Swap that the limits allow counts as room. memory.high below memory.max makes the lower end: from there on
// the target may be throttled for ever. Without a limit, or with a step of 0, nothing can be
// said, and it is 0 to math.MaxInt.
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
