package outcome

import (
	"encoding/json"
	"slices"
)

// OOMReport is what the kernel log says of the moment in which the OOM killer was called, before anybody was
// killed (dump_header in mm/oom_kill.c). The kernel
// prints it at most 10 times in 5 seconds, on the whole machine. What the log does not have is left at its zero value.
type OOMReport struct {
	// Invoker is the comm of the process whose allocation failed. It need not be the victim.
	Invoker string `json:"invoker,omitempty"`

	// Group is the cgroup whose limit was met, named as OOMKill.Limit. It is empty where the whole machine was out of
	// memory: Memory, Swap, Kmem and Stat are nil then, and Tasks are those of the machine.
	Group string `json:"group,omitempty"`

	GFPMask string `json:"gfp_mask,omitempty"` // flags of the allocation, as "GFP_KERNEL|__GFP_ACCOUNT"
	Order   int    `json:"order,omitempty"`    // of the allocation: 2^Order pages in one piece; -1 where a user asked for the kill (sysrq)

	Memory *OOMUsage `json:"memory,omitempty"` // memory.current and memory.max
	Swap   *OOMUsage `json:"swap,omitempty"`   // memory.swap.current and memory.swap.max
	Kmem   *OOMUsage `json:"kmem,omitempty"`   // of cgroup v1 alone

	// Stat is the memory.stat of Group, the cgroups below included: keys and numbers as the kernel printed them, for
	// ReadMemoryStat.
	Stat map[string]uint64 `json:"stat,omitempty"`

	// StatCut is set where the kernel has cut Stat off, so that the last keys are missing. Linux 6.1 prints all of Stat as one
	// record of less than 1000 bytes, in which large counters have no room; Linux 6.12 prints a record for each key.
	StatCut bool `json:"stat_cut,omitempty"`

	// Tasks are the processes of Group and below that could have been chosen, the largest first by RSS, swap and page
	// tables together, at most 64. There are none where vm.oom_dump_tasks is 0 (Documentation/admin-guide/sysctl/vm.rst).
	Tasks []OOMTask `json:"tasks,omitempty"`

	// RestCount is how many more processes there were, and Rest has the sums of their sizes, without IDs and a name; nil: there
	// were none.
	RestCount int      `json:"rest_count,omitempty"`
	Rest      *OOMTask `json:"rest,omitempty"`

	// Stack are those functions of the call trace that say what memory was allocated for, the innermost first; see OOMStack.
	Stack []string `json:"stack,omitempty"`
}

// maxOOMTasks is how many tasks an OOMReport has at most.
const maxOOMTasks = 64

// OOMUsage is one counter of a cgroup (page_counter in mm/memcontrol.c).
type OOMUsage struct {
	Usage   Bytes  `json:"usage"`   // what was charged
	Limit   Bytes  `json:"limit"`   // Unlimited: no limit
	FailCnt uint64 `json:"failcnt"` // how often an allocation met the limit, since the cgroup was made
}

// OOMTask is a process in the kernel's list of those that could have been chosen (dump_task in mm/oom_kill.c).
type OOMTask struct {
	PID  int    `json:"pid,omitempty"`  // of its first thread that has not ended, in the initial PID namespace
	TGID int    `json:"tgid,omitempty"` // of the process: what is called its PID elsewhere
	UID  int    `json:"uid,omitempty"`  // in the initial user namespace
	Name string `json:"name,omitempty"` // its comm, up to 15 bytes

	// RSS is what was resident: Anon, File and Shmem together. Before Linux 6.8 these three are not known, and 0. RSS counts
	// pages that are charged to other cgroups too, such as those of a program file that was read before.
	RSS   Bytes `json:"rss,omitempty"`
	Anon  Bytes `json:"anon,omitempty"`
	File  Bytes `json:"file,omitempty"`
	Shmem Bytes `json:"shmem,omitempty"`

	PageTables  Bytes `json:"page_tables,omitempty"`
	Swap        Bytes `json:"swap,omitempty"`          // what was swapped out
	OOMScoreAdj int   `json:"oom_score_adj,omitempty"` // proc_pid_oom_score_adj(5)
}

// total is what the task takes: RSS, swap and page tables, which is what the kernel chooses by (oom_badness).
func (t OOMTask) total() Bytes { return t.RSS + t.Swap + t.PageTables }

// maxOOMTasksJSON is what Tasks of a report take in a line of results at most. 64 tasks of a server with sizes in GiB take 11 KB,
// those of a guest 8 KB; memory.stat of Linux 7.3 takes 1.9 KB (2026-11). Together they are below 12 KB.
const maxOOMTasksJSON = 9 << 10

// Bounded returns the report with as many of its Tasks as a line of results has room for: the largest, and the one whose TGID is
// victim. The others are counted in Rest.
func (r OOMReport) Bounded(victim int) *OOMReport {
	r.Tasks = slices.Clone(r.Tasks)
	for len(r.Tasks) > 1 && (len(r.Tasks) > maxOOMTasks || jsonSize(r.Tasks) > maxOOMTasksJSON) {
		last := len(r.Tasks) - 1
		if r.Tasks[last].TGID == victim {
			last--
		}
		r.addRest(r.Tasks[last])
		r.Tasks = slices.Delete(r.Tasks, last, last+1)
	}
	return &r
}

// Largest returns the report with at most count of its Tasks. The others are counted in Rest.
func (r OOMReport) Largest(count int) *OOMReport {
	for _, t := range r.Tasks[min(count, len(r.Tasks)):] {
		r.addRest(t)
	}
	r.Tasks = slices.Clone(r.Tasks[:min(count, len(r.Tasks))])
	return &r
}

func jsonSize(tasks []OOMTask) int {
	line, _ := json.Marshal(tasks) // numbers and a string do not fail
	return len(line)
}

// addRest counts a task in Rest, which others may share.
func (r *OOMReport) addRest(t OOMTask) {
	if r.Rest != nil {
		t.RSS, t.Anon, t.File, t.Shmem = t.RSS+r.Rest.RSS, t.Anon+r.Rest.Anon, t.File+r.Rest.File, t.Shmem+r.Rest.Shmem
		t.PageTables, t.Swap = t.PageTables+r.Rest.PageTables, t.Swap+r.Rest.Swap
	}
	r.Rest = &OOMTask{RSS: t.RSS, Anon: t.Anon, File: t.File, Shmem: t.Shmem, PageTables: t.PageTables, Swap: t.Swap}
	r.RestCount++
}
