package outcome

import (
	"fmt"
	"slices"
	"strings"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
)

// victims names those that the kernel log names: all of a few, the first of many. What a single one held is not said again
// where the sentence has what the cage was filled with.
func (o *Outcome) victims(filled bool) string {
	const maxNamed = 3
	var named []string
	seen := map[int]bool{}
	for _, k := range o.Evidence.Kills {
		if seen[k.PID] { // a group kill may tell of its first victim twice
			continue
		}
		seen[k.PID] = true
		text := k.String()
		if filled {
			text = fmt.Sprintf("%s[%d]%s", printable.Line(k.Name), k.PID, o.rank(k))
		}
		named = append(named, text)
	}
	switch {
	case len(named) == 0:
		return ""
	case len(named) == 1:
		return "; victim " + named[0]
	case len(named) > maxNamed:
		return fmt.Sprintf("; victims %s; and %d more", strings.Join(named[:maxNamed], "; "), len(named)-maxNamed)
	default:
		return "; victims " + strings.Join(named, "; ")
	}
}

// rank says what a victim held, and where it stood among the others of which the kernel has chosen it, or "" where it was
// alone: ", 20.1 MiB, the largest of 3 processes".
func (o *Outcome) rank(k OOMKill) string {
	if k.Report == nil || k.Report.Group == "" {
		return ", " + human.Size(k.Anon+k.File+k.Shmem)
	}
	tasks := k.Report.Tasks
	n := len(tasks) + k.Report.RestCount
	at := slices.IndexFunc(tasks, func(t OOMTask) bool { return t.TGID == k.PID })
	switch {
	case n == 1 && at == 0:
		return ""
	case at < 0:
		return ", " + human.Size(k.Anon+k.File+k.Shmem)
	case at == 0:
		return fmt.Sprintf(", %s, the largest of %d processes", human.Size(tasks[at].total()), n)
	default:
		return fmt.Sprintf(", %s, of %d processes not the largest, which was %s[%d], %s", human.Size(tasks[at].total()), n, printable.Line(tasks[0].Name), tasks[0].TGID, human.Size(tasks[0].total()))
	}
}
