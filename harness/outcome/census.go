package outcome

import "time"

// Census is who was in the cage at one moment, as /proc/PID/status told.
type Census struct {
	At      time.Duration `json:"at"`      // since the run began
	Current Bytes         `json:"current"` // memory.current of the cage then

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
