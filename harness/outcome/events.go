package outcome

import (
	"fmt"
	"strconv"
	"strings"
)

// Events are the counters of memory.events or memory.events.local (Documentation/admin-guide/cgroup-v2.rst), since the cgroup was made
// or, in Evidence, since the run began.
type Events struct {
	Low          uint64 `json:"low"`            // memory was reclaimed though the cgroup was below its memory.low
	High         uint64 `json:"high"`           // tasks were throttled above memory.high
	Max          uint64 `json:"max"`            // an allocation met memory.max
	OOM          uint64 `json:"oom"`            // reclaim did not help, and the allocation was about to fail
	OOMKill      uint64 `json:"oom_kill"`       // processes in it that were killed by an OOM killer of the kernel, for whatever limit
	OOMGroupKill uint64 `json:"oom_group_kill"` // kills of a whole group; 0 before Linux 5.17
}

// eventNames are the kernel's names of the counters, in its order.
var eventNames = [...]string{"low", "high", "max", "oom", "oom_kill", "oom_group_kill"}

// counters lists where the values of eventNames go. The names are apart, so that Events need no place in the heap where one
// is printed.
func (e *Events) counters() [len(eventNames)]*uint64 {
	return [...]*uint64{&e.Low, &e.High, &e.Max, &e.OOM, &e.OOMKill, &e.OOMGroupKill}
}

// Since returns what has been counted since before. A counter that fell is an error: the cgroup
// is not the one that was read then.
func (e Events) Since(before Events) (Events, error) {
	var d Events
	to, from, out := e.counters(), before.counters(), d.counters()
	for i := range to {
		if *to[i] < *from[i] {
			return Events{}, fmt.Errorf("the counter %s fell from %d to %d", eventNames[i], *from[i], *to[i])
		}
		*out[i] = *to[i] - *from[i]
	}
	return d, nil
}

// Set takes in one line of memory.events. A key that Events do not have is passed over.
func (e *Events) Set(key []byte, n uint64) {
	for i, c := range e.counters() {
		if eventNames[i] == string(key) {
			*c = n
		}
	}
}

// Plus returns the sums of the counters of two cgroups.
func (e Events) Plus(more Events) Events {
	to, add := e.counters(), more.counters()
	for i := range to {
		*to[i] += *add[i]
	}
	return e
}

// AtLeast returns the larger of each two counters.
func (e Events) AtLeast(part Events) Events {
	to, from := e.counters(), part.counters()
	for i := range to {
		*to[i] = max(*to[i], *from[i])
	}
	return e
}

// String returns the counters that are not zero, by the kernel's names: "max 24, oom 1, oom_kill 1"; "none" where all are.
func (e Events) String() string {
	var parts []string
	for i, c := range e.counters() {
		if *c != 0 {
			parts = append(parts, eventNames[i]+" "+strconv.FormatUint(*c, 10))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// ReadEvents returns the counters from the keys of memory.events. A key that is missing is an error, but for oom_group_kill, which
// exists from Linux 5.17 on.
func ReadEvents(raw map[string]uint64) (Events, error) {
	var e Events
	for i, c := range e.counters() {
		n, ok := raw[eventNames[i]]
		if !ok && eventNames[i] != "oom_group_kill" {
			return Events{}, fmt.Errorf("it has no counter %s", eventNames[i])
		}
		*c = n
	}
	return e, nil
}
