package outcome

import "time"

// Evidence is everything that was seen of a run and that a verdict rests on. It is collected
// before the cage is removed. Counters are differences: what was counted during this run.
type Evidence struct {
	Status   ExitStatus `json:"status"`    // of the target, when the load had ended, or after Stop
	Ready    bool       `json:"ready"`     // the probe had succeeded
	TimedOut bool       `json:"timed_out"` // the run's time was up

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
	Stat        MemoryStat `json:"stat"`         // memory.stat at the end
	Refaults    uint64     `json:"refaults"`     // pages that came back soon after they had been reclaimed
	Pressure    Pressure   `json:"pressure"`     // time lost to reclaim

	// Kills are the OOM kills in the cage that the kernel log tells of, in its order. They may be
	// fewer than Events.OOMKill counts: the log can be closed to the harness, or overrun.
	Kills []OOMKill `json:"kills,omitempty"`

	// UnplacedKills are the other OOM kills during the run of which the log does not tell where they
	// were: the kernel rate-limits that line. They may have been in the cage or anywhere.
	UnplacedKills uint64 `json:"unplaced_kills,omitempty"`

	// Ancestors are the cgroups above the cage, the nearest first.
	Ancestors []Ancestor `json:"ancestors,omitempty"`

	// AncestorsHidden is set where a cgroup namespace hides the limits further up.
	AncestorsHidden bool `json:"ancestors_hidden,omitempty"`

	// Unread has what could not be read, and why.
	Unread map[Source]string `json:"unread,omitempty"`

	// Moves are the cgroups in which the target was seen after it was started, in their order, as far as
	// they are another than the one before. Empty: it stayed where it was put.
	Moves []Move `json:"moves,omitempty"`

	// Below are the cgroups between the cage and the target, which were made below the cage by somebody
	// else than the harness: the target's own first. Those without the memory controller are left out:
	// what is in them is charged to the next one above.
	Below []Ancestor `json:"below,omitempty"`

	// LimitChanges are the limits of the cage and of those above that were others later, in the order in
	// which that was seen. Limits has what was in force when the run began.
	LimitChanges []LimitChange `json:"limit_changes,omitempty"`

	// Applied is what became of the schedule's changes, in the order in which they came.
	Applied []Applied `json:"applied,omitempty"`

	// DaemonKills is what systemd-oomd and oomd have noted on the target's cgroup and those above it.
	DaemonKills []DaemonKill `json:"daemon_kills,omitempty"`

	// MainThreadEnded is set where the target's main thread was seen to have ended while other threads ran on
	// (pthread_exit): the kernel log may then name one of these as the victim.
	MainThreadEnded bool `json:"main_thread_ended,omitempty"`

	// OOMScoreAdjAtEnd is the target's oom_score_adj at the end, where it was not OOMScoreAdj any more.
	OOMScoreAdjAtEnd *int `json:"oom_score_adj_at_end,omitempty"`

	// Fullest is what the cage was filled with when it was fullest; nil where that could not be read.
	Fullest *Composition `json:"fullest,omitempty"`

	// Unloaded is set where the target acknowledged none of the steps that it was sent.
	Unloaded bool `json:"unloaded,omitempty"`

	// OtherListener is who listened on the cage's address during the run and was not started in it. Probes and steps
	// may have been answered by it.
	OtherListener string `json:"other_listener,omitempty"`

	// Unsent is why the harness itself could not send a step, which ended the load: it had no file descriptor left, or no local port.
	// That step is not counted, as the target was never asked.
	Unsent string `json:"unsent,omitempty"`

	// LeftRunning are the processes of a target that has ended by itself with exit code 0 and left them running in
	// the cage, as "name[PID]".
	LeftRunning []string `json:"left_running,omitempty"`

	// LastWords are those of a target that has ended by itself: its own runtime had no memory left. They prove less than
	// counters, as anybody can print them. nil: nothing says so.
	LastWords *RuntimeEnd `json:"last_words,omitempty"`

	// CPU is the CPU time that the cage used during the run, and Took how long the run took; the latter, and what follows, of
	// a target that lived past its time.
	CPU  time.Duration `json:"cpu,omitempty"`
	Took time.Duration `json:"took,omitempty"`

	Pace      *Pace      `json:"pace,omitempty"`       // of the steps; nil where there were few
	SoftLimit *SoftLimit `json:"soft_limit,omitempty"` // of the process that used the most CPU time; nil without one
	Collector *Collector `json:"collector,omitempty"`  // of the same; nil where no threads are known to be such

	// KillTimes places the kills that Events.OOMKill counts, in their order: at most 1000.
	KillTimes []KillTime `json:"kill_times,omitempty"`

	// Followed is what became of what the target had left in its cage, where Load.UntilEmpty follows that; nil: it left nothing.
	Followed *Followed `json:"followed,omitempty"`

	// Watched is set where the target ran already, and was only watched; see harness.Watch.
	Watched *Watched `json:"watched,omitempty"`

	// Stop is what became of the target when its load had ended and Spec.Stop asked it to end; nil: it was not asked.
	Stop *Stopped `json:"stop,omitempty"`

	// Captures is what became of Target.Capture, in its order.
	Captures []Captured `json:"captures,omitempty"`
}

// Ancestor is a cgroup above the cage.
type Ancestor struct {
	Path        string `json:"path"`
	Max         Bytes  `json:"max"`          // memory.max at the end
	EventsLocal Events `json:"events_local"` // of it alone, during this run
}
