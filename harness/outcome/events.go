package outcome

import (
	"fmt"
	"strconv"
	"strings"
)

// Events are the counters of memory.events: how often, since the cgroup was made (or, in
// Evidence, since the run began), it was protected (Low), throttled (High), at its limit
// (Max), out of memory (OOM), and how many of its processes an OOM killer, any OOM killer,
// has killed (OOMKill; OOMGroupKill counts groups).
type Events struct {
	Low          uint64 `json:"low"`
	High         uint64 `json:"high"`
	Max          uint64 `json:"max"`
	OOM          uint64 `json:"oom"`
	OOMKill      uint64 `json:"oom_kill"`
	OOMGroupKill uint64 `json:"oom_group_kill"`
}

// eventNames are the kernel's names of the counters, in its order.
var eventNames = [...]string{"low", "high", "max", "oom", "oom_kill", "oom_group_kill"}

// counters lists where the values of eventNames go. The names are apart, so that Events need no place in the heap where one
// is printed.
func (e *Events) counters() [len(eventNames)]*uint64 {
	return [...]*uint64{&e.Low, &e.High, &e.Max, &e.OOM, &e.OOMKill, &e.OOMGroupKill}
}

// Since returns what has been counted after before. A counter that fell is an error: the cgroup
// is not the one that was read before.
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

// Set takes in one line of memory.events. What Events do not have is left out.
func (e *Events) Set(key []byte, n uint64) {
	for i, c := range e.counters() {
		if eventNames[i] == string(key) {
			*c = n
		}
	}
}

// Plus adds the counters of two cgroups.
func (e Events) Plus(more Events) Events {
	to, add := e.counters(), more.counters()
	for i := range to {
		*to[i] += *add[i]
	}
	return e
}

// AtLeast raises the counters that are lower than those of a part.
func (e Events) AtLeast(part Events) Events {
	to, from := e.counters(), part.counters()
	for i := range to {
		*to[i] = max(*to[i], *from[i])
	}
	return e
}

// String prints the counters that are not zero, by the kernel's names: "max 24, oom 1, oom_kill 1".
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

// ReadEvents reads counters by the kernel's names. One that is missing is an error, but for oom_group_kill, which exists from
// Linux 5.17 on.
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
