package outcome

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Limits are the memory limits of a cage (Documentation/admin-guide/cgroup-v2.rst, "Memory Interface Files"). They are written before
// the target starts and, but for Files, read back. The kernel rounds a size down to a page. The zero value is no limit, and no swap.
//
// Low and Min protect memory when a limit above the cage is met, and only as far as each cgroup between that limit and the cage is
// protected as well: between the children of a cage they count, but below the guard over all cages, which is not protected, a cage by
// itself gains nothing by them.
type Limits struct {
	Max  Bytes `json:"max,omitempty"`  // memory.max: where reclaim cannot keep the cage below it, the OOM killer comes; 0 or Unlimited: no limit
	High Bytes `json:"high,omitempty"` // memory.high: above it tasks are throttled and memory is reclaimed, and nobody is killed; 0 or Unlimited: no limit
	Low  Bytes `json:"low,omitempty"`  // memory.low: what is not reclaimed as long as anything else can be; 0: none
	Min  Bytes `json:"min,omitempty"`  // memory.min: what is never reclaimed; 0: none
	Swap Bytes `json:"swap"`           // memory.swap.max: how much may be swapped out; 0: no swap; Unlimited: "max"

	// OOMGroup is memory.oom.group: an OOM kill takes all processes of the cage, but for those at oom_score_adj -1000.
	OOMGroup bool `json:"oom_group,omitempty"`

	// Files are other files of the cage and what is written to them, for example
	// "pids.max": "64", of the controllers memory and pids. They are not read back.
	Files map[string]string `json:"files,omitempty"`
}

// SmallestMax is the least memory.max. Below it execve(2) itself fails, with ENOMEM or E2BIG or by a signal,
// and no OOM killer comes (6.12: from 64 KiB on a program is killed, 2026-11).
const SmallestMax = 64 * KiB

// ownFields are the files that have a field in Limits.
var ownFields = map[string]string{
	"memory.max": "Max", "memory.high": "High", "memory.low": "Low", "memory.min": "Min",
	"memory.swap.max": "Swap", "memory.oom.group": "OOMGroup",
}

// Validate returns an error that says what makes no sense in the limits on any machine: a negative size, a Max below SmallestMax, or a
// file that is none of a cage or that the harness writes itself.
func (l Limits) Validate() error {
	for _, f := range []struct {
		name string
		size Bytes
	}{{"Max", l.Max}, {"High", l.High}, {"Low", l.Low}, {"Min", l.Min}, {"Swap", l.Swap}} {
		if f.size < 0 {
			return fmt.Errorf("the limit %s is %d: it must not be negative; Unlimited stands for max", f.name, f.size)
		}
	}
	if l.Max > 0 && l.Max < SmallestMax {
		return fmt.Errorf("the limit Max is %d bytes: below %v no program can be executed, and nothing would be learned; was a unit forgotten, as in 100 MiB?", l.Max, SmallestMax)
	}
	for file := range l.Files {
		if file == "" || strings.ContainsAny(file, "/\x00") || !strings.Contains(file, ".") {
			return fmt.Errorf("Limits.Files names %q: a cage's files look like pids.max", file)
		}
		if field, ok := ownFields[file]; ok {
			return fmt.Errorf("Limits.Files names %q: use Limits.%s, which is read back and judged", file, field)
		}
		if strings.HasPrefix(file, "cgroup.") && file != "cgroup.max.descendants" && file != "cgroup.max.depth" {
			return fmt.Errorf("Limits.Files names %q: the harness itself uses that file", file)
		}
	}
	return nil
}

// String returns the limits that are set, and memory.swap.max, by the names of the kernel's files: "memory.max 67108864,
// memory.swap.max 0".
func (l Limits) String() string { return l.text(limitText) }

// text is String with other words for the sizes.
func (l Limits) text(size func(Bytes) string) string {
	var parts []string
	for _, f := range []struct {
		file string
		size Bytes
	}{{"memory.min", l.Min}, {"memory.low", l.Low}, {"memory.high", l.High}, {"memory.max", l.Max}} {
		if f.size != 0 {
			parts = append(parts, f.file+" "+size(f.size))
		}
	}
	parts = append(parts, "memory.swap.max "+size(l.Swap))
	if l.OOMGroup {
		parts = append(parts, "memory.oom.group 1")
	}
	for _, file := range slices.Sorted(maps.Keys(l.Files)) {
		parts = append(parts, file+" "+l.Files[file])
	}
	return strings.Join(parts, ", ")
}

// limitText prints a limit as the kernel does: in bytes, or max.
func limitText(b Bytes) string {
	if b == Unlimited {
		return b.String()
	}
	return strconv.FormatInt(int64(b), 10)
}
