package kmsg

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Kill is what the kernel's log says about one victim of an OOM killer (mm/oom_kill.c). The line
// that names the victim always comes. The line that names the limit comes 10 times in 5 seconds at
// most, on the whole machine; without it LimitGroup and VictimGroup are empty.
type Kill struct {
	// PID is the victim's, in the initial PID namespace. When memory.oom.group finds the first
	// victim still dying, the kernel reports (and counts) it again: under its PID (seen on 6.1), or
	// under the ID of one of its threads when the main one has gone already (seen on 6.12).
	PID  int
	Name string // comm: up to 15 bytes of any kind, spaces and parentheses too

	// Thread is the ID that the line has where it is that of a thread, as when the main one has ended
	// before (find_lock_task_mm); PID is then its process. It is 0 otherwise. Where the kernel has
	// suppressed the other lines, PID may be a thread's, and nothing tells.
	Thread int

	// SharedWith are the other processes that have the victim's memory (CLONE_VM without
	// CLONE_THREAD), in ascending order: the kernel kills them along with it, and neither names nor counts
	// them. They are those for which its list of tasks has the very figures of the victim.
	SharedWith []int

	AnonRSS, FileRSS, ShmemRSS int64 // bytes that were resident

	// LimitGroup is the cgroup whose limit it was (oom_memcg=), and VictimGroup that of the victim
	// (task_memcg=), both as the kernel's root sees them. LimitGroup is empty if the kill is global.
	// Either is empty if unknown. The further victims of memory.oom.group have no line of their
	// own: their LimitGroup is the first one's, and their VictimGroup the cgroup that was killed as
	// a whole, which they are in or below. A kill right after these that had its line suppressed
	// cannot be told from them.
	LimitGroup, VictimGroup string

	Global bool // it was the whole machine that was out of memory, not a cgroup

	// Report is the one that the kernel has printed before the kill. It is nil for the further victims of
	// memory.oom.group, and where the kernel has suppressed it.
	Report *Report
}

// parser puts the lines of one log together. The kernel kills under a lock (oom_lock), so the
// lines of two kills never mix, though other messages may come between them.
type parser struct {
	kills   []Kill
	wanted  func(Kill) bool // which are kept; nil: all
	last    *Kill           // whether it was kept or not
	summary *summary        // waits for the line of its victim
	group   *Kill           // what the victims of memory.oom.group have in common
	tasks   *tasks          // of the kill whose lines are being read
	report  *Report         // of the same
}

// summary is what the oom-kill line says.
type summary struct {
	pid    int
	global bool
	groups string // "/limit,task_memcg=/victim,task=comm", or from task_memcg= on without the first if global
}

// The texts may hold any byte, hence (?s). The names that a user can choose are bounded from both
// sides: a comm is shorter than what is asked for after it, and a cpuset's name has no slash.
var (
	killedLine  = regexp.MustCompile(`(?s)^(Memory cgroup out|Out) of memory(?: \([a-z_ ]+\))?: Killed process (\d+) \((.*)\) total-vm:\d+kB, anon-rss:(\d+)kB, file-rss:(\d+)kB, shmem-rss:(\d+)kB.* oom_score_adj:-?\d+`)
	summaryLine = regexp.MustCompile(`(?s)^oom-kill:constraint=\w+,nodemask=[^/=]*(?:,cpuset=(?:/|[^/]*),mems_allowed=[\d,-]*)?,(oom_memcg=|global_oom,task_memcg=)(/.*),pid=(\d+),uid=\d+$`)
	// The kernel kills nobody when the victim is found exiting after all.
	skippedLine = regexp.MustCompile(`(?s)^(?:Memory cgroup out|Out) of memory(?: \([a-z_ ]+\))?: OOM victim \d+ \(.*\) is already exiting\. Skip killing the task$`)
	groupLine   = regexp.MustCompile(`(?s)^Tasks in (/.*) are going to be killed due to memory\.oom\.group set$`)
)

// nobodyLine comes after a whole report.
const nobodyLine = "Out of memory and no killable processes..."

// add takes in one record. Text that is not the kernel's own is ignored, as it could forge a kill:
// what was written to /dev/kmsg, and the rest of a line that broke, which may begin with the name
// of a cgroup (pr_cont_cgroup_name).
func (p *parser) add(r Record) {
	if r.Facility != 0 || r.Continues {
		return
	}
	text := unescape(r.Text)
	if k, ok := parseKilled(text); ok {
		p.addKill(k)
		return
	}
	if s, ok := parseSummary(text); ok {
		p.summary, p.group = &s, nil
		return
	}
	if m := groupLine.FindStringSubmatch(text); m != nil {
		p.group = &Kill{VictimGroup: m[1]}
		if first := p.last; first != nil {
			p.group.LimitGroup, p.group.Global = first.LimitGroup, first.Global
		}
		return
	}
	if r, is := parseInvoked(text); is { // the head of another kill
		p.forget()
		p.report = r
		return
	}
	switch {
	case skippedLine.MatchString(text), text == nobodyLine: // the end of none
		p.forget()
	case p.summary != nil: // nothing of a report comes after it
	case tasksLine.MatchString(text):
		p.tasks = newTasks(text)
	case p.tasks != nil:
		p.tasks.add(text)
	default:
		p.report.add(text)
	}
}

func (p *parser) addKill(k Kill) {
	switch {
	case p.summary != nil:
		p.tasks.identify(&k)
		p.summary.explain(&k)
		if p.report != nil && p.summary.isOf(k) {
			p.tasks.fill(p.report, k.PID)
			k.Report = p.report
		}
	case p.group != nil && p.group.Global == k.Global:
		p.tasks.identify(&k)
		k.LimitGroup, k.VictimGroup = p.group.LimitGroup, p.group.VictimGroup
	default:
		p.tasks = nil // of an earlier kill
	}
	p.summary, p.report, p.last = nil, nil, &k
	if p.wanted == nil || p.wanted(k) {
		p.kills = append(p.kills, k)
	}
}

// forget drops what waits for a next line, since that may be lost.
func (p *parser) forget() { p.summary, p.group, p.tasks, p.report = nil, nil, nil, nil }

func parseKilled(text string) (Kill, bool) {
	m := killedLine.FindStringSubmatch(text)
	if m == nil {
		return Kill{}, false
	}
	k := Kill{Name: m[3], Global: m[1] == "Out"}
	var err error
	if k.PID, err = strconv.Atoi(m[2]); err != nil {
		return Kill{}, false
	}
	for i, size := range []*int64{&k.AnonRSS, &k.FileRSS, &k.ShmemRSS} {
		n, err := strconv.ParseInt(m[4+i], 10, 64)
		if err != nil || n > math.MaxInt64>>10 {
			return Kill{}, false
		}
		*size = n << 10
	}
	return k, true
}

func parseSummary(text string) (summary, bool) {
	m := summaryLine.FindStringSubmatch(text)
	if m == nil {
		return summary{}, false
	}
	pid, err := strconv.Atoi(m[3])
	return summary{pid: pid, global: m[1] != "oom_memcg=", groups: m[2]}, err == nil
}

// isOf reports whether the summary is about a kill. A thread has been identified as its process by then.
func (s *summary) isOf(k Kill) bool { return s.pid == k.PID && s.global == k.Global }

// explain gives the victim its cgroups, if the summary is about it.
func (s *summary) explain(k *Kill) {
	// A cgroup's name may contain ",task=", and so may a comm: the victim's line tells where it begins,
	// unless that has the comm of another thread.
	groups, ok := strings.CutSuffix(s.groups, ",task="+k.Name)
	if !ok && k.Thread != 0 {
		groups, ok = cutTask(s.groups)
	}
	if !ok || !s.isOf(*k) {
		return
	}
	if s.global {
		k.VictimGroup = groups
		return
	}
	k.LimitGroup, k.VictimGroup = splitGroups(groups)
}

// cutTask cuts off ",task=" and a comm, of up to 15 bytes, where there is one place for it.
func cutTask(s string) (groups string, ok bool) {
	const separator = ",task="
	at := strings.LastIndex(s, separator)
	if at < 0 || len(s)-at-len(separator) > commLength {
		return "", false
	}
	before := strings.LastIndex(s[:at], separator)
	return s[:at], before < 0 || len(s)-before-len(separator) > commLength
}

// splitGroups splits "/limit,task_memcg=/victim". Both names may contain ",task_memcg=/": it is the
// place after which the victim is in the limit's cgroup or below it. Nothing is said where that is
// no place or more than one.
func splitGroups(s string) (limit, victim string) {
	const separator = ",task_memcg="
	for i := range s {
		if !strings.HasPrefix(s[i:], separator+"/") {
			continue
		}
		l, v := s[:i], s[i+len(separator):]
		if v != l && !strings.HasPrefix(v, strings.TrimSuffix(l, "/")+"/") {
			continue
		}
		if limit != "" {
			return "", ""
		}
		limit, victim = l, v
	}
	return limit, victim
}
