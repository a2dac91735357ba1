package kmsg

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// tasks is the list of those that could have been chosen for a kill, a line each (dump_tasks in
// mm/oom_kill.c). The kernel leaves it out where vm.oom_dump_tasks is 0, and with the other lines that
// it suppresses. A nil list is empty.
type tasks struct {
	columns int // that are numbers, after the first
	rows    map[int]task
}

// task is a process, listed by the ID of its first thread that has not ended.
type task struct {
	pid     int    // of the process (tgid)
	figures string // from total_vm to oom_score_adj: those of its memory
}

// maxTasks bounds what is kept of a list: the rest is not known.
const maxTasks = 16384

// tasksLine heads the list. Linux 6.1 has six columns between tgid and name; later ones split rss.
var tasksLine = regexp.MustCompile(`^\[ +pid +\] +uid +tgid +total_vm +rss( +[a-z_]+)* +oom_score_adj +name$`)

func newTasks(head string) *tasks {
	_, columns, _ := strings.Cut(head, "]")
	return &tasks{columns: len(strings.Fields(columns)) - 1, rows: map[int]task{}}
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
	numbers := make([]string, t.columns) // the name, which may be like them, comes after these
	for i := range numbers {
		numbers[i], rest, ok = strings.Cut(strings.TrimLeft(rest, " "), " ")
		if _, err := strconv.ParseInt(numbers[i], 10, 64); err != nil || !ok {
			return
		}
	}
	id, err := strconv.Atoi(strings.TrimLeft(tid, " "))
	if err != nil {
		return
	}
	pid, err := strconv.Atoi(numbers[1])
	if err != nil {
		return
	}
	t.rows[id] = task{pid, strings.Join(numbers[2:], " ")}
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
	if victim.pid != k.PID {
		k.PID, k.Thread = victim.pid, k.PID
	}
	for _, other := range t.rows {
		if other.figures == victim.figures && other.pid != victim.pid {
			k.SharedWith = append(k.SharedWith, other.pid)
		}
	}
	slices.Sort(k.SharedWith)
}
