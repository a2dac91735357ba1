package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"oomcage/harness/internal/kmsg"
	"oomcage/harness/outcome"
)

// kernelLog is the kernel log from the beginning of a run on, or the reason why there is none.
type kernelLog struct {
	log *kmsg.Log
	err error

	from, seen int // the kills before from are those of earlier lives; so many were read
}

func openKernelLog() *kernelLog {
	log, err := kmsg.Open()
	return &kernelLog{log: log, err: err}
}

func (k *kernelLog) close() {
	if k.log != nil {
		k.log.Close()
	}
}

// catchUp reads what is there now, and waits for no more.
func (k *kernelLog) catchUp(within time.Duration) {
	if k.log == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	_, _ = k.log.Wait(ctx, func([]kmsg.Kill) bool { return true }) // whoever asks for the kills gets the error
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
			in, _ := placed(e.Cage, e.PID, kills[k.from:])
			return uint64(len(in)) >= e.Events.OOMKill
		})
		k.seen = len(kills)
		kills = kills[k.from:]
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
		e.Unread[outcome.KernelLog] = err.Error()
	}
}

// killsIn picks the kills in the cage and below it, two of them with their reports.
func killsIn(cage string, pid int, kills []kmsg.Kill) []outcome.OOMKill {
	in, reports := placed(cage, pid, kills)
	for _, i := range reportsKept(in, reports, pid) {
		in[i].Report = oomReport(reports[i], in[i])
	}
	return in
}

// placed picks the kills in the cage and below it, and the report of each. The log names cgroups as the kernel's root
// sees them; inside a cgroup namespace those names are longer than the harness's.
func placed(cage string, pid int, kills []kmsg.Kill) (in []outcome.OOMKill, reports []*kmsg.Report) {
	for _, k := range kills {
		at := strings.Index(k.VictimGroup+"/", cage+"/")
		if at < 0 && (k.VictimGroup != "" || k.PID != pid || pid == 0) {
			continue
		}
		outside := k.VictimGroup[:max(at, 0)]
		in = append(in, outcome.OOMKill{
			PID: k.PID, Name: k.Name, Anon: Bytes(k.AnonRSS), File: Bytes(k.FileRSS), Shmem: Bytes(k.ShmemRSS), Global: k.Global,
			Group: strings.TrimPrefix(k.VictimGroup, outside), Limit: inNamespace(k.LimitGroup, outside),
			Thread: k.Thread, SharedWith: k.SharedWith,
		})
		reports = append(reports, k.Report)
	}
	return in, reports
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

// initialPID returns the PID by which the kernel log knows a process, or 0 where this process is in
// another PID namespace than the initial one (PROC_PID_INIT_INO, include/linux/proc_ns.h).
func initialPID(pid int) int {
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil || ns != "pid:[4026531836]" {
		return 0
	}
	return pid
}
