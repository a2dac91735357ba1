package outcome

import "time"

// Evidence is everything that was seen of a run and that a verdict rests on. It is collected
// before the cage is removed. Counters are differences: what was counted during this run.
type Evidence struct {
	Status   ExitStatus `json:"status"`    // of the target, when the load had ended, or after Stop
	Ready    bool       `json:"ready"`     // the probe had succeeded, or there was none
	TimedOut bool       `json:"timed_out"` // the target lived when the time of the run, or that of its probe, was up

	// HarnessKilled is set where the harness itself has sent the target a SIGKILL: the test did so by Process.Signal, or
	// the cage was closed during the run.
	HarnessKilled bool `json:"harness_killed,omitempty"`

	PID         int    `json:"pid"`           // of the target, in the initial PID namespace as in the kernel log; 0 from another one
	OOMScoreAdj int    `json:"oom_score_adj"` // of the target, as it was started
	Cage        string `json:"cage"`          // the cgroup's path below the mount

	Limits      Limits     `json:"limits"`       // as the kernel has taken them
	Events      Events     `json:"events"`       // memory.events: the cage and the cgroups below it
	EventsLocal Events     `json:"events_local"` // memory.events.local: the cage alone, with the leaf of its own targets if it has children
	Current     Bytes      `json:"current"`      // memory.current at the end
	Peak        Bytes      `json:"peak"`         // memory.peak since the cage was made; 0 before Linux 5.19
	SwapCurrent Bytes      `json:"swap_current"` // memory.swap.current at the end
	Stat        MemoryStat `json:"stat"`         // memory.stat at the end, its counters during the run
	Refaults    uint64     `json:"refaults"`     // pages that came back soon after they had been reclaimed: workingset_refault_anon and _file
	Pressure    Pressure   `json:"pressure"`     // time in which processes of the cage waited for memory

	// Kills are the OOM kills in the cage that are in the kernel log, in its order. They may be
	// fewer than Events.OOMKill counts: the harness may not be allowed to read the log, or lines may be lost.
	Kills []OOMKill `json:"kills,omitempty"`

	// UnplacedKills counts the other OOM kills during the run of which the log does not say in which cgroup they
	// were, as the kernel rate-limits that line. They may have been in the cage or anywhere.
	UnplacedKills uint64 `json:"unplaced_kills,omitempty"`

	// Ancestors are the cgroups above the cage, the nearest first.
	Ancestors []Ancestor `json:"ancestors,omitempty"`

	// AncestorsHidden is set where a cgroup namespace hides the limits further up.
	AncestorsHidden bool `json:"ancestors_hidden,omitempty"`

	// Unread has what could not be read, and why. nil or empty: all was read.
	Unread map[Source]string `json:"unread,omitempty"`

	// Moves are the target's changes of its cgroup, in their order. Empty: it stayed in the cage, where it was started.
	Moves []Move `json:"moves,omitempty"`

	// Below are the cgroups between the cage and the target, the target's own first, where it has moved into one that was
	// made below the cage. Those without the memory controller are left out:
	// what is in them is charged to the next one above.
	Below []Ancestor `json:"below,omitempty"`

	// LimitChanges are the changes of limits of the cage and of the cgroups above it, in the order in
	// which they were seen. Limits has what was in force when the run began.
	LimitChanges []LimitChange `json:"limit_changes,omitempty"`

	// Applied is what became of the schedule's changes, in the order in which they came.
	Applied []Applied `json:"applied,omitempty"`

	// DaemonKills is what systemd-oomd and oomd have noted about the target's cgroup and those above it.
	DaemonKills []DaemonKill `json:"daemon_kills,omitempty"`

	// MainThreadEnded is set where the target's main thread was seen to have ended while other threads ran on
	// (pthread_exit): the kernel log may then name one of these as the victim.
	MainThreadEnded bool `json:"main_thread_ended,omitempty"`

	// OOMScoreAdjAtEnd is the target's oom_score_adj when it was seen last; nil where it was still OOMScoreAdj.
	OOMScoreAdjAtEnd *int `json:"oom_score_adj_at_end,omitempty"`

	// Fullest is what the cage was filled with when it was fullest; nil where that is not known.
	Fullest *Composition `json:"fullest,omitempty"`

	// Unloaded is set where the target acknowledged none of the steps that it was sent.
	Unloaded bool `json:"unloaded,omitempty"`

	// OtherListener is a process outside the cage that listened on the target's address during the run: probes and steps
	// may have been answered by it. Empty: there was none.
	OtherListener string `json:"other_listener,omitempty"`

	// Unsent is why the harness itself could not send a step, which ended the load: it had no file descriptor left, or no local port.
	// That step is not counted, as the target was never asked. Empty: all were sent.
	Unsent string `json:"unsent,omitempty"`

	// LeftRunning are the processes of a target that has ended by itself with exit code 0 and left them running in
	// the cage, as "name[PID]".
	LeftRunning []string `json:"left_running,omitempty"`

	// LastWords is what the target printed last where that says that its own runtime had no memory left. It proves less than
	// counters do, as anybody can print such words. nil: it printed none.
	LastWords *RuntimeEnd `json:"last_words,omitempty"`

	// CPU is the CPU time that the cage has used since the target was started (usage_usec of cpu.stat).
	CPU time.Duration `json:"cpu,omitempty"`

	// What is known of a target that lived when its time was up; zero for any other. SoftLimit and Collector are those of the
	// process in the cage that used the most CPU time.
	Took      time.Duration `json:"took,omitempty"`       // how long the run took
	Pace      *Pace         `json:"pace,omitempty"`       // of the steps; nil where there were fewer than 12
	SoftLimit *SoftLimit    `json:"soft_limit,omitempty"` // nil: it has none, or is no Go program
	Collector *Collector    `json:"collector,omitempty"`  // nil where none of its threads is known to collect garbage

	// KillTimes says when the kills came that Events.OOMKill counts, in their order: of at most 1000.
	KillTimes []KillTime `json:"kill_times,omitempty"`

	// Followed is what became of the processes that the target had left in its cage, where Load.UntilEmpty follows them; nil: it
	// left none.
	Followed *Followed `json:"followed,omitempty"`

	// Watched is set where the target ran already, and was only watched; see harness.Watch.
	Watched *Watched `json:"watched,omitempty"`

	// Stop is what became of the target when its load had ended and Spec.Stop asked it to end; nil: it was not asked to.
	Stop *Stopped `json:"stop,omitempty"`

	// Captures is what became of Target.Capture, in its order.
	Captures []Captured `json:"captures,omitempty"`
}

// Ancestor is a cgroup above the target's: above the cage, or between the cage and the target.
type Ancestor struct {
	Path        string `json:"path"`         // named as Evidence.Cage
	Max         Bytes  `json:"max"`          // memory.max at the end; Unlimited: no limit
	EventsLocal Events `json:"events_local"` // memory.events.local, during this run
}
