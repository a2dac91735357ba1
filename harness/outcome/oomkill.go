package outcome

import (
	"fmt"
	"slices"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
)

// OOMKill is one OOM kill as the kernel log has it (oom_kill_process in mm/oom_kill.c). The log names the victim, which no counter
// does. The harness may not be allowed to read it, or lines may be lost, so no verdict needs it where counters suffice.
type OOMKill struct {
	PID    int    `json:"pid"`              // of the victim, in the initial PID namespace; of one of its threads where the kernel rate-limited the other lines
	Name   string `json:"name"`             // its comm, up to 15 bytes
	Anon   Bytes  `json:"anon"`             // the anonymous memory that it held when it was killed
	File   Bytes  `json:"file"`             // the mapped files
	Shmem  Bytes  `json:"shmem"`            // the shared memory
	Group  string `json:"group,omitempty"`  // its cgroup, named as Evidence.Cage; empty where the kernel rate-limited that line
	Limit  string `json:"limit,omitempty"`  // the cgroup whose limit was met; empty where Group is, and where Global is set
	Global bool   `json:"global,omitempty"` // the whole machine was out of memory

	// Thread is the id of the thread that the log names, where the victim's main thread had ended; else 0.
	Thread int `json:"thread,omitempty"`

	// SharedWith are the PIDs of other processes that had the same memory (CLONE_VM): the kernel kills
	// them as well, and neither names nor counts them.
	SharedWith []int `json:"shared_with,omitempty"`

	// Report is the kernel's report of the moment before the kill. At most two of Evidence.Kills have one: the first, and
	// the target's own or else the last. It is nil for the others, for all but the first victim of memory.oom.group, and
	// where the kernel rate-limited it or the log has lost it.
	Report *OOMReport `json:"report,omitempty"`
}

// String returns "app[132], anon 92.2 MiB".
func (k OOMKill) String() string {
	return fmt.Sprintf("%s[%d], anon %s", printable.Line(k.Name), k.PID, human.Size(k.Anon))
}

// TargetKill returns the kill of the target that is in the kernel log, and reports whether there is one. A kill of which the log does
// not say in which cgroup it was is the target's only where the counters have more kills than the log has in the cage: otherwise it was
// that of another process, elsewhere, which had the target's PID before. The kill of a process that had the same memory counts where
// a SIGKILL ended the target.
func (e Evidence) TargetKill() (OOMKill, bool) {
	for _, k := range e.Kills {
		if k.PID == e.PID && e.PID != 0 && (k.Group != "" || e.placed() < e.Events.OOMKill) {
			return k, true
		}
	}
	if e.Status.Signal != "SIGKILL" || e.HarnessKilled {
		return OOMKill{}, false // figures that are the same by chance prove nothing
	}
	return e.sharedKill()
}

// sharedKill returns a kill of another process that had the same memory as the target.
func (e Evidence) sharedKill() (OOMKill, bool) {
	for _, k := range e.Kills {
		if e.PID != 0 && k.PID != e.PID && slices.Contains(k.SharedWith, e.PID) {
			return k, true
		}
	}
	return OOMKill{}, false
}

// placed is how many kills the log tells the place of.
func (e Evidence) placed() (n uint64) {
	for _, k := range e.Kills {
		if k.Group != "" {
			n++
		}
	}
	return n
}

// SparedTarget reports whether no kill was the target's: it was seen alive after them, or the kernel log has all kills that the
// counters have, and none of them is the target's. Kills of which the log does not say in which cgroup they were may have been in the
// cage, and count, unless the target's main thread has ended: then one of them may be the target's, by the id of another thread. By the
// log it is false where a whole group was killed, as that spares nobody but those at oom_score_adj -1000.
func (e Evidence) SparedTarget() bool {
	_, was := e.TargetKill()
	_, shared := e.sharedKill()
	inGroup := e.Events.OOMGroupKill > 0 && !e.unkillable()
	others := uint64(len(e.Kills))
	switch {
	case e.Status.Spared:
		return true
	case e.MainThreadEnded:
		others = e.placed()
	case e.Unread[KernelLog] == "":
		others += e.UnplacedKills
	}
	return !was && !shared && !inGroup && e.PID != 0 && e.Events.OOMKill > 0 && others >= e.Events.OOMKill
}

// unkillable reports whether no OOM killer chooses the target, unless it has raised its score by itself.
func (e Evidence) unkillable() bool {
	if e.OOMScoreAdjAtEnd != nil {
		return *e.OOMScoreAdjAtEnd == OOMScoreAdjMin
	}
	return e.OOMScoreAdj == OOMScoreAdjMin
}
