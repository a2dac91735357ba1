package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/internal/kmsg"
	"oomcage/harness/internal/patience"
	"oomcage/harness/outcome"
)

// kernelLog is the kernel log from the beginning of a run on, or the reason why there is none.
type kernelLog struct {
	log *kmsg.Log
	err error

	from    logMark // what comes before it is of earlier lives, or is counted
	read    logMark // up to where it was read
	counted logMark // the same when the cage's counters were read last
}

// logMark is a place in the log: how many kills that may be in the cage it has told of until then, and how often records were lost.
type logMark struct{ kills, losses int }

// orLater is the later of two marks.
func (m logMark) orLater(n logMark) logMark {
	return logMark{max(m.kills, n.kills), max(m.losses, n.losses)}
}

// of has the log keep what may be in a cgroup, as long as it tells of no other one.
func (k *kernelLog) of(g *cgroup.Group) {
	if k.log != nil {
		k.log.Keep(loggedCage{name: g.Name(), hidden: g.Hidden()}.concerns)
	}
}

// settle notes that the cage's counters have been read, after all that was read of the log until now: the kernel counts a kill before
// it prints it.
func (k *kernelLog) settle() { k.counted = k.read }

// mark notes up to where the log was read.
func (k *kernelLog) mark(kills []kmsg.Kill) { k.read = logMark{len(kills), k.log.Losses()} }

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
	kills, _ := k.log.Wait(ctx, func([]kmsg.Kill) bool { return true }) // whoever asks for the kills gets the error
	k.mark(kills)
}

// complete adds to e what the log says of the kills that e counts. For lines that are still to come it waits so long.
func (k *kernelLog) complete(within time.Duration, e *Evidence) {
	if e.Events.OOMKill == 0 {
		return
	}
	err := k.err
	if err == nil {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		defer patience.AfterFunc(within, cancel).End()
		var kills []kmsg.Kill
		cage := loggedCage{e.Cage, e.PID, e.AncestorsHidden}
		kills, err = k.log.Wait(ctx, func(kills []kmsg.Kill) bool {
			in, _ := cage.placed(kills[k.from.kills:])
			return uint64(len(in)) >= e.Events.OOMKill
		})
		k.mark(kills)
		kills = kills[k.from.kills:]
		e.Kills, e.UnplacedKills = cage.killsIn(kills), cage.unplaced(kills)
		switch {
		case err != nil:
		case k.log.Losses() > k.from.losses:
			err = errors.New("the kernel log was overrun: lines were lost")
		case k.log.Behind():
			err = fmt.Errorf("the kernel log grows too fast: it was not read to its end in %v", within.Round(time.Millisecond))
		}
	}
	if err != nil {
		e.Unread[outcome.KernelLog] = err.Error()
	}
}

// logTime is how long the log is waited for in a run whose evidence is read until ctx ends. Where that time is up there is a little
// more: on a busy machine, to count the kill may have taken all of it.
func logTime(ctx context.Context) time.Duration {
	deadline, _ := ctx.Deadline()
	return min(logGrace, max(time.Until(deadline), lateGrace))
}

// loggedCage is a cage as it is looked for in the log, which names cgroups as the kernel's root sees them: inside a cgroup
// namespace those names are longer than the harness's, by the same each time, which nobody inside is told.
type loggedCage struct {
	name   string
	pid    int  // of the target; 0: it is not known to the log
	hidden bool // a cgroup namespace hides what is above
}

// killsIn picks the kills in the cage and below it, two of them with their reports.
func (c loggedCage) killsIn(kills []kmsg.Kill) []outcome.OOMKill {
	in, reports := c.placed(kills)
	for _, i := range reportsKept(in, reports, c.pid) {
		in[i].Report = oomReport(reports[i], in[i])
	}
	return in
}

// placed picks the kills in the cage and below it, and the report of each. One that the log does not place is the target's by its
// PID.
func (c loggedCage) placed(kills []kmsg.Kill) (in []outcome.OOMKill, reports []*kmsg.Report) {
	outside, certain := c.outside(kills)
	for _, k := range kills {
		group, is := c.within(k.VictimGroup, outside)
		switch {
		case is && certain:
		case (k.VictimGroup == "" || c.mayHold(k) && !certain) && k.PID == c.pid && c.pid != 0:
			group, k.LimitGroup = "", ""
		default:
			continue
		}
		in = append(in, outcome.OOMKill{
			PID: k.PID, Name: k.Name, Anon: Bytes(k.AnonRSS), File: Bytes(k.FileRSS), Shmem: Bytes(k.ShmemRSS), Global: k.Global,
			Group: group, Limit: inNamespace(k.LimitGroup, outside), Thread: k.Thread, SharedWith: k.SharedWith,
		})
		reports = append(reports, k.Report)
	}
	return in, reports
}

// unplaced counts the kills of others of which the log does not say whether they were in the cage.
func (c loggedCage) unplaced(kills []kmsg.Kill) (n uint64) {
	_, certain := c.outside(kills)
	for _, k := range kills {
		if (k.VictimGroup == "" || c.mayHold(k) && !certain) && (k.PID != c.pid || c.pid == 0) {
			n++
		}
	}
	return n
}

// concerns reports whether a kill may be in the cage, whatever its PID and the other kills.
func (c loggedCage) concerns(k kmsg.Kill) bool {
	_, is := c.within(k.VictimGroup, "")
	return is || k.VictimGroup == "" || c.mayHold(k)
}

// outside is what a namespace hides of the names. It is not certain where the kills that may be in the cage differ in it, or where
// the cage is all of a namespace: then any kill on the machine may be in it.
func (c loggedCage) outside(kills []kmsg.Kill) (prefix string, certain bool) {
	if !c.hidden {
		return "", true
	}
	certain = true
	for _, k := range kills {
		if !c.mayHold(k) {
			continue
		}
		before := c.before(k.VictimGroup)
		if k.PID == c.pid && c.pid != 0 && before != "" {
			return before, true
		}
		certain = certain && before != "" && (prefix == "" || prefix == before)
		prefix = before
	}
	return prefix, certain
}

// mayHold reports whether a kill may be in the cage, by its name alone.
func (c loggedCage) mayHold(k kmsg.Kill) bool {
	if c.hidden && c.name == "/" {
		return k.VictimGroup != ""
	}
	return c.hidden && c.before(k.VictimGroup) != ""
}

// before is what stands before the cage's name in that of a cgroup in it or below; "" where it does not.
func (c loggedCage) before(group string) string {
	if c.name == "/" || group == "" {
		return ""
	}
	if i := strings.Index(group[1:]+"/", c.name+"/"); i >= 0 {
		return group[:i+1]
	}
	return ""
}

// within is the name of a cgroup as it is seen here, where it is the cage or below it.
func (c loggedCage) within(group, outside string) (name string, is bool) {
	name, is = strings.CutPrefix(group, outside)
	is = is && (outside != "" || !c.hidden)
	return name, is && name != "" && (c.name == "/" || strings.HasPrefix(name+"/", c.name+"/"))
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
