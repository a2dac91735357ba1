package harness

import (
	"oomcage/harness/internal/kmsg"
	"oomcage/harness/outcome"
)

// oomReport is what the log says of the moment before a kill, for its outcome.
func oomReport(r *kmsg.Report, k outcome.OOMKill) *outcome.OOMReport {
	report := outcome.OOMReport{
		Invoker: r.Invoker, Group: k.Limit, GFPMask: r.GFPMask, Order: r.Order, Stack: outcome.OOMStack(r.Stack),
		Memory: oomUsage(r.Memory), Swap: oomUsage(r.Swap), Kmem: oomUsage(r.Kmem), Stat: r.Stat, StatCut: r.StatCut,
		RestCount: r.RestCount,
	}
	for _, t := range r.Tasks {
		report.Tasks = append(report.Tasks, oomTask(t))
	}
	if r.RestCount > 0 {
		rest := oomTask(r.Rest)
		report.Rest = &rest
	}
	return report.Bounded(k.PID)
}

func oomUsage(u *kmsg.Usage) *outcome.OOMUsage {
	if u == nil {
		return nil
	}
	return &outcome.OOMUsage{Usage: Bytes(u.Usage), Limit: Bytes(u.Limit), FailCnt: u.FailCnt}
}

func oomTask(t kmsg.Task) outcome.OOMTask {
	return outcome.OOMTask{
		PID: t.TID, TGID: t.PID, UID: t.UID, Name: t.Name,
		RSS: Bytes(t.RSS), Anon: Bytes(t.AnonRSS), File: Bytes(t.FileRSS), Shmem: Bytes(t.ShmemRSS),
		PageTables: Bytes(t.PageTables), Swap: Bytes(t.Swap), OOMScoreAdj: t.OOMScoreAdj,
	}
}

// reportsKept picks the reports that a line of results has: the first, and that of the target's own kill or else the last.
func reportsKept(kills []outcome.OOMKill, reports []*kmsg.Report, pid int) (kept []int) {
	first, last := -1, -1
	for i := range reports {
		if reports[i] == nil {
			continue
		}
		if first < 0 {
			first = i
		}
		if last < 0 || kills[last].PID != pid || kills[i].PID == pid {
			last = i
		}
	}
	switch {
	case first < 0:
		return nil
	case first == last:
		return []int{first}
	}
	return []int{first, last}
}
