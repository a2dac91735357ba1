package outcome

import (
	"slices"
	"time"
)

// Census is which processes were in the cage at one moment.
type Census struct {
	At      time.Duration `json:"at"`      // since the run began
	Current Bytes         `json:"current"` // memory.current of the cage then
	Anon    Bytes         `json:"anon"`    // anon of its memory.stat then

	Processes []Resident `json:"processes"`          // the largest first by RSS, at most MaxResidents
	More      int        `json:"more,omitempty"`     // how many more there were
	MoreRSS   Bytes      `json:"more_rss,omitempty"` // the RSS of these together

	// Memfd is what the files of memfd_create(2) take that the processes have open, and Tmpfs, by mount, how much more was in use
	// on tmpfs than before the run, whoever took it. They are looked for only where the cage has MinLeftover of shmem.
	Memfd Bytes            `json:"memfd,omitempty"`
	Tmpfs map[string]Bytes `json:"tmpfs,omitempty"`
}

// MaxResidents is how many processes a Census names at most.
const MaxResidents = 64

// Resident is a process of a cage and what it had mapped, by /proc/PID/status (proc_pid_status(5)). Memory that several processes
// share is counted in each of them.
type Resident struct {
	PID        int    `json:"pid"`                  // in the PID namespace of the harness
	Parent     int    `json:"parent"`               // PPid; 0 where that is outside of the namespace
	Name       string `json:"name"`                 // its comm, up to 15 bytes
	State      string `json:"state"`                // R, S, D, Z and so on
	Threads    int    `json:"threads"`              // how many it had
	Anon       Bytes  `json:"anon"`                 // RssAnon
	File       Bytes  `json:"file"`                 // RssFile
	Shmem      Bytes  `json:"shmem"`                // RssShmem
	Swap       Bytes  `json:"swap,omitempty"`       // VmSwap
	PageTables Bytes  `json:"pagetables,omitempty"` // VmPTE
	Locked     Bytes  `json:"locked,omitempty"`     // VmLck: mlock(2)
}

// RSS returns what was resident: Anon, File and Shmem together.
func (r Resident) RSS() Bytes { return r.Anon + r.File + r.Shmem }

// Largest returns the census with at most count of its processes. The others are counted in More and MoreRSS.
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
