package outcome

import (
	"slices"
	"time"
)

// Census is who was in the cage at one moment, as /proc/PID/status told.
type Census struct {
	At      time.Duration `json:"at"`      // since the run began
	Current Bytes         `json:"current"` // memory.current of the cage then

	Anon Bytes `json:"anon"` // of memory.stat

	Processes []Resident `json:"processes"` // the largest first, MaxResidents at most
	More      int        `json:"more,omitempty"`
	MoreRSS   Bytes      `json:"more_rss,omitempty"` // of those together

	Memfd Bytes            `json:"memfd,omitempty"` // in files of memfd_create that these processes have open
	Tmpfs map[string]Bytes `json:"tmpfs,omitempty"` // by mount: how much more was in use than before the run, whoever took it
}

// MaxResidents is how many processes a Census names at most.
const MaxResidents = 64

// Resident is a process of a cage and what it had mapped. What two of them share, each of them has.
type Resident struct {
	PID        int    `json:"pid"`    // as the harness sees it
	Parent     int    `json:"parent"` // 0 where it is outside of the PID namespace
	Name       string `json:"name"`
	State      string `json:"state"` // R, S, D, Z and so on: proc_pid_stat(5)
	Threads    int    `json:"threads"`
	Anon       Bytes  `json:"anon"`
	File       Bytes  `json:"file"`
	Shmem      Bytes  `json:"shmem"`
	Swap       Bytes  `json:"swap,omitempty"`
	PageTables Bytes  `json:"pagetables,omitempty"`
	Locked     Bytes  `json:"locked,omitempty"` // mlock(2)
}

// RSS is what was resident.
func (r Resident) RSS() Bytes { return r.Anon + r.File + r.Shmem }

// Largest returns the census with so many of its processes at most. The others are in More and MoreRSS.
func (c Census) Largest(count int) Census {
	for _, r := range c.Processes[min(count, len(c.Processes)):] {
		c.More++
		c.MoreRSS += r.RSS()
	}
	c.Processes = slices.Clone(c.Processes[:min(count, len(c.Processes))])
	return c
}

// copied returns how much of anon, the anonymous memory of the cage, was copied on write since a fork; 0 where that cannot be seen.
// A child that has nearly the size of its parent, and the same name, has what it was forked with, and shares what neither
// side has written to. So what is not the others' was copied.
// The last census may see a child that is being killed, and then the one before it is asked.
func copied(taken []Census, anon Bytes) Bytes {
	for _, c := range slices.Backward(taken) {
		if others, forked := c.notForked(); forked {
			return max(anon-others, 0)
		}
	}
	return 0
}

// notForked is what those have who were not forked with it, where a forked one shares pages and has copied some.
// PostgreSQL's small processes share with their parent too, while a backend beside them takes memory of its own.
func (c Census) notForked() (others Bytes, forked bool) {
	var all Bytes
	for _, r := range c.Processes {
		all += r.Anon
		if !c.forkedWhole(r) {
			others += r.Anon
		}
	}
	part := c.Anon / kindShare
	return others, c.More == 0 && others < all && all-c.Anon >= part && c.Anon-others >= part
}

// forkedWhole reports whether r has about as much as a parent of the same name.
func (c Census) forkedWhole(r Resident) bool {
	const close = 5 // one part in so many: a parent may have taken something since
	return slices.ContainsFunc(c.Processes, func(p Resident) bool {
		return p.PID == r.Parent && p.Name == r.Name && (p.Anon-r.Anon).abs() <= p.Anon/close
	})
}
