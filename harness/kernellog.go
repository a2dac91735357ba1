package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"oomcage/harness/internal/kmsg"
	"oomcage/harness/internal/printable"
)

// Kill is one OOM kill as the kernel log tells of it. The log names the victim, which no counter
// does; it may be closed to the harness or overrun, so no verdict needs it where counters suffice.
type Kill struct {
	PID    int    `json:"pid"`              // of the victim, in the initial PID namespace; of one of its threads where the kernel rate-limited the other lines
	Name   string `json:"name"`             // its comm, up to 15 bytes
	Anon   Bytes  `json:"anon"`             // that it held when it was killed: anonymous memory,
	File   Bytes  `json:"file"`             // mapped files,
	Shmem  Bytes  `json:"shmem"`            // and shared memory
	Group  string `json:"group,omitempty"`  // its cgroup, named as Evidence.Cage; empty where the kernel rate-limited that line
	Limit  string `json:"limit,omitempty"`  // the cgroup whose limit was hit; empty as Group, and where it was the machine's memory
	Global bool   `json:"global,omitempty"` // the whole machine was out of memory

	// Thread is the id that the log has for the victim where that is a thread's, as its main one had ended; else 0.
	Thread int `json:"thread,omitempty"`

	// SharedWith are other processes that had the same memory (CLONE_VM), by their PIDs: the kernel kills
	// them along, and neither names nor counts them.
	SharedWith []int `json:"shared_with,omitempty"`
}

// String prints "app[132], anon 96.7 MB".
func (k Kill) String() string {
	return fmt.Sprintf("%s[%d], anon %.1f MB", printable.Line(k.Name), k.PID, float64(k.Anon)/1e6)
}

// kernelLog is the kernel log from the beginning of a run on, or the reason why there is none.
type kernelLog struct {
	log *kmsg.Log
	err error
}

func openKernelLog() *kernelLog {
	log, err := kmsg.Open()
	return &kernelLog{log, err}
}

func (k *kernelLog) close() {
	if k.log != nil {
		k.log.Close()
	}
}

// complete adds to e what the log says of the kills that e counts. It waits a little for lines that
// are still to come, and no longer than ctx.
func (k *kernelLog) complete(ctx context.Context, e *Evidence) {
	if e.Events.OOMKill == 0 {
		return
	}
	err := k.err
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, logGrace)
		defer cancel()
		var kills []kmsg.Kill
		kills, err = k.log.Wait(ctx, func(kills []kmsg.Kill) bool {
			return uint64(len(killsIn(e.Cage, e.PID, kills))) >= e.Events.OOMKill
		})
		e.Kills, e.UnplacedKills = killsIn(e.Cage, e.PID, kills), unplaced(e.PID, kills)
		switch {
		case err != nil:
		case k.log.Lost():
			err = errors.New("the kernel log was overrun: lines were lost")
		case k.log.Behind():
			err = fmt.Errorf("the kernel log grows too fast: it was not read to its end in %v", logGrace)
		}
	}
	if err != nil {
		e.Unread[kernelLogFile] = err.Error()
	}
}

const kernelLogFile = "/dev/kmsg"

// killsIn picks the kills in the cage and below it. The log names cgroups as the kernel's root sees
// them; inside a cgroup namespace those names are longer than the harness's.
func killsIn(cage string, pid int, kills []kmsg.Kill) []Kill {
	var in []Kill
	for _, k := range kills {
		at := strings.Index(k.VictimGroup+"/", cage+"/")
		if at < 0 && (k.VictimGroup != "" || k.PID != pid || pid == 0) {
			continue
		}
		outside := k.VictimGroup[:max(at, 0)]
		in = append(in, Kill{
			PID: k.PID, Name: k.Name, Anon: Bytes(k.AnonRSS), File: Bytes(k.FileRSS), Shmem: Bytes(k.ShmemRSS), Global: k.Global,
			Group: strings.TrimPrefix(k.VictimGroup, outside), Limit: inNamespace(k.LimitGroup, outside),
			Thread: k.Thread, SharedWith: k.SharedWith,
		})
	}
	return in
}

// unplaced counts the kills of others that the kernel has reported without the line that says where.
func unplaced(pid int, kills []kmsg.Kill) (n uint64) {
	for _, k := range kills {
		if k.VictimGroup == "" && (k.PID != pid || pid == 0) {
			n++
		}
	}
	return n
}

// inNamespace cuts off what a cgroup namespace hides of a name. A cgroup outside it keeps its own.
func inNamespace(name, outside string) string {
	if rest, ok := strings.CutPrefix(name, outside); ok && strings.HasPrefix(rest, "/") {
		return rest
	}
	return name
}

// targetKill returns what the log says of the target's own end. A kill that the log does not place
// is the target's only where those that it does leave one to be accounted for: otherwise it was that
// of another process, elsewhere, which had the target's PID before.
func (e Evidence) targetKill() (Kill, bool) {
	for _, k := range e.Kills {
		if k.PID == e.PID && e.PID != 0 && (k.Group != "" || e.placed() < e.Events.OOMKill) {
			return k, true
		}
	}
	if e.Status.Signal != "SIGKILL" || e.HarnessKilled {
		return Kill{}, false // figures that are the same by chance prove nothing
	}
	return e.sharedKill()
}

// sharedKill returns a kill of another process that had the same memory as the target.
func (e Evidence) sharedKill() (Kill, bool) {
	for _, k := range e.Kills {
		if e.PID != 0 && k.PID != e.PID && slices.Contains(k.SharedWith, e.PID) {
			return k, true
		}
	}
	return Kill{}, false
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

// sparedTarget tells that the log accounts for every kill, and none was the target's. What it does
// not place may have been in the cage: the line that names a victim always comes, unless lines were
// lost. A group kill may name one by the id of one of its threads; it spares only those at -1000. So may
// a line that is not placed, where the target's main thread has ended.
func (e Evidence) sparedTarget() bool {
	_, was := e.targetKill()
	_, shared := e.sharedKill()
	inGroup := e.Events.OOMGroupKill > 0 && !e.unkillable()
	others := uint64(len(e.Kills))
	switch {
	case e.MainThreadEnded:
		others = e.placed()
	case e.Unread[kernelLogFile] == "":
		others += e.UnplacedKills
	}
	return !was && !shared && !inGroup && e.PID != 0 && e.Events.OOMKill > 0 && others >= e.Events.OOMKill
}

// unkillable tells that no OOM killer chooses the target, unless it has raised its score by itself.
func (e Evidence) unkillable() bool {
	if e.OOMScoreAdjAtEnd != nil {
		return *e.OOMScoreAdjAtEnd == oomScoreAdjMin
	}
	return e.OOMScoreAdj == oomScoreAdjMin
}

// initialPID returns the PID by which the kernel log knows a process, or 0 where this process is in
// another PID namespace than the initial one (PROC_PID_INIT_INO, include/linux/proc_ns.h).
func initialPID(pid int) int {
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil || ns != "pid:[4026531836]" {
		return 0
	}
	return pid
}
