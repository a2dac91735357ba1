package kmsg

import (
	"cmp"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// tasks is the list of those that could have been chosen for a kill, a line each (dump_tasks in
// mm/oom_kill.c). The kernel leaves it out where vm.oom_dump_tasks is 0, and with the other lines that
// it suppresses. A nil list is empty.
type tasks struct {
	columns []string // that are numbers, after the first
	rows    map[int]task
}

// task is a process, listed by the ID of its first thread that has not ended.
type task struct {
	Task
	figures string // from total_vm to oom_score_adj: those of its memory
}

// Task is a line of that list, with sizes in bytes.
type Task struct {
	TID  int // of its first thread that has not ended
	PID  int // of the process (tgid)
	UID  int
	Name string

	RSS, AnonRSS, FileRSS, ShmemRSS int64 // Linux before 6.8 has the first alone
	PageTables, Swap                int64
	OOMScoreAdj                     int
}

const (
	maxTasks     = 16384 // bounds what is read of a list: the rest is not known
	maxKeptTasks = 64    // bounds what is kept of each
)

var pageSize = int64(os.Getpagesize())

// tasksLine heads the list. Linux 6.1 has six columns between tgid and name; later ones split rss.
var tasksLine = regexp.MustCompile(`^\[ +pid +\] +uid +tgid +total_vm +rss( +[a-z_]+)* +oom_score_adj +name$`)

func newTasks(head string) *tasks {
	_, columns, _ := strings.Cut(head, "]")
	names := strings.Fields(columns)
	return &tasks{columns: names[:len(names)-1], rows: map[int]task{}}
}

// add takes in a line "[  tid]  uid  tgid  …  name", and ignores any other.
func (t *tasks) add(text string) {
	if t == nil || len(t.rows) >= maxTasks {
		return
	}
	head, rest, ok := strings.Cut(text, "]")
	tid, opened := strings.CutPrefix(head, "[")
	if !ok || !opened {
		return
	}
	id, err := strconv.Atoi(strings.TrimLeft(tid, " "))
	if err != nil {
		return
	}
	row := task{Task: Task{TID: id}}
	figures := make([]string, 0, len(t.columns))
	for _, column := range t.columns { // the name, which may be like them, comes after these
		var number string
		number, rest, ok = strings.Cut(strings.TrimLeft(rest, " "), " ")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || !ok || !row.set(column, n) {
			return
		}
		figures = append(figures, number)
	}
	row.Name = rest[:min(len(rest), commLength)]
	row.figures = strings.Join(figures[2:], " ")
	t.rows[id] = row
}

// set takes in the number of a column, where it is one that can be.
func (t *Task) set(column string, n int64) bool {
	if column == "oom_score_adj" {
		t.OOMScoreAdj = int(n)
		return true
	}
	if n < 0 {
		return false
	}
	var size *int64
	unit := pageSize
	switch column {
	case "uid":
		t.UID = int(n)
		return n <= math.MaxUint32
	case "tgid":
		t.PID = int(n)
		return n <= math.MaxInt32
	case "rss":
		size = &t.RSS
	case "rss_anon":
		size = &t.AnonRSS
	case "rss_file":
		size = &t.FileRSS
	case "rss_shmem":
		size = &t.ShmemRSS
	case "swapents":
		size = &t.Swap
	case "pgtables_bytes":
		size, unit = &t.PageTables, 1
	default:
		return true
	}
	*size = n * unit
	return n <= math.MaxInt64>>16/unit // 128 TiB: the sums of all rows do not overflow
}

// identify finds the process of the victim, and who has the same memory.
func (t *tasks) identify(k *Kill) {
	if t == nil {
		return
	}
	victim, ok := t.rows[k.PID]
	if !ok {
		return
	}
	if victim.PID != k.PID {
		k.PID, k.Thread = victim.PID, k.PID
	}
	for _, other := range t.rows {
		if other.figures == victim.figures && other.PID != victim.PID {
			k.SharedWith = append(k.SharedWith, other.PID)
		}
	}
	slices.Sort(k.SharedWith)
}

// total is what a task has, as the kernel adds it up to choose (oom_badness).
func (t *Task) total() int64 { return t.RSS + t.Swap + t.PageTables }

// fill gives a report the largest tasks, the victim of process pid among them, and the sums of the others.
func (t *tasks) fill(r *Report, pid int) {
	if t == nil || len(t.rows) == 0 {
		return
	}
	all := make([]Task, 0, len(t.rows))
	for _, row := range t.rows {
		all = append(all, row.Task)
	}
	slices.SortFunc(all, func(a, b Task) int { return cmp.Or(cmp.Compare(b.total(), a.total()), cmp.Compare(a.TID, b.TID)) })
	if i := slices.IndexFunc(all, func(t Task) bool { return t.PID == pid }); i >= maxKeptTasks {
		victim := all[i]
		all = slices.Insert(slices.Delete(all, i, i+1), maxKeptTasks-1, victim)
	}
	r.Tasks = slices.Clone(all[:min(len(all), maxKeptTasks)])
	rest := all[len(r.Tasks):]
	r.RestCount = len(rest)
	for _, one := range rest {
		r.Rest.plus(one)
	}
}

func (t *Task) plus(other Task) {
	t.RSS += other.RSS
	t.AnonRSS += other.AnonRSS
	t.FileRSS += other.FileRSS
	t.ShmemRSS += other.ShmemRSS
	t.PageTables += other.PageTables
	t.Swap += other.Swap
}
