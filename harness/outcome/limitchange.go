package outcome

import (
	"fmt"
	"strings"
	"time"

	"oomcage/harness/internal/human"
)

// LimitChange is a change of a limit: by the run's schedule, by the target, or by somebody
// outside. It came between two readings; a change that was taken back before the next reading is not seen.
type LimitChange struct {
	At    time.Duration `json:"at"`    // when the new value was first read, since the run began; 0: before it began
	Group string        `json:"group"` // the cage, or a cgroup above it, named as Evidence.Cage
	File  string        `json:"file"`  // memory.max and so on
	From  Bytes         `json:"from"`  // in bytes, Unlimited for "max", as To
	To    Bytes         `json:"to"`

	// Scheduled is set where the run's own schedule made it; see Evidence.Applied.
	Scheduled bool `json:"scheduled,omitempty"`
}

// inForce is memory.max of the cage at the end, and whether there was one.
func (e Evidence) inForce() (limit Bytes, is bool) {
	limit, is = e.Limits.Max, e.Limits.Max != 0
	for _, c := range e.LimitChanges {
		if c.Group == e.Cage && c.File == "memory.max" {
			limit, is = c.To, true
		}
	}
	return limit, is && limit != Unlimited
}

// changes says which limits somebody else than the schedule changed during the run, or "": each with what it was, what it
// became, and when.
func (e Evidence) changes() string {
	var order []limitKey
	of := map[limitKey][]LimitChange{}
	for _, c := range e.LimitChanges {
		if c.Scheduled {
			continue
		}
		key := limitKey{c.Group, c.File}
		if of[key] == nil {
			order = append(order, key)
		}
		of[key] = append(of[key], c)
	}
	var b strings.Builder
	for _, key := range order {
		all := of[key]
		name := key.file
		if key.group != e.Cage {
			name += " of " + key.group
		}
		first, last := all[0], all[len(all)-1]
		when, seen := "during the run", fmt.Sprintf(", seen after %v", first.At.Round(time.Millisecond))
		if first.At == 0 {
			when, seen = "since the cage was made, before the run", ""
		}
		times := ""
		if len(all) > 1 {
			times = fmt.Sprintf("%d times, ", len(all))
		}
		fmt.Fprintf(&b, "; %s was changed %s, %sfrom %s to %s%s", name, when, times, human.Size(first.From), human.Size(last.To), seen)
	}
	return b.String()
}

// limitKey is a limit's place.
type limitKey struct{ group, file string }
