package report

import (
	"fmt"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
)

// processes are who was in the cage when it was full.
type processes struct {
	When  string     `json:"when"`  // and who says so
	Kinds []string   `json:"kinds"` // of the sizes of each
	Rows  []resident `json:"rows"`  // the largest first
	Top   int64      `json:"top"`   // the largest one's sum
	Rest  string     `json:"rest,omitempty"`
}

// resident is a process.
type resident struct {
	Name  string   `json:"name"`  // "app[152]"
	Sizes []int64  `json:"sizes"` // in the order of the kinds
	Texts []string `json:"texts"` // the same
	Note  string   `json:"note,omitempty"`
}

// processesOf are those of the fullest census, or of the kernel's report of a kill; nil where there is neither.
func processesOf(o *outcome.Outcome, maxShown int) *processes {
	var p processes
	var more int
	var rest outcome.Bytes
	c := fullestCensus(o.Census)
	switch r := o.Evidence.OwnReport(); {
	case c != nil:
		c := c.Largest(maxShown)
		p.When = fmt.Sprintf("Seen after %s, at %s.", human.Duration(c.At), sizeText(c.Current))
		p.Kinds = []string{"anon", "file", "shmem", "page tables", "swap"}
		for _, r := range c.Processes {
			note := fmt.Sprintf("%s, %s", state(r.State), human.Count(r.Threads, "thread"))
			if r.Locked > 0 {
				note += ", locked " + sizeText(r.Locked)
			}
			p.add(r.Name, r.PID, note, r.Anon, r.File, r.Shmem, r.PageTables, r.Swap)
		}
		more, rest = c.More, c.MoreRSS
	case r != nil && len(r.Tasks) > 0:
		r = r.Largest(maxShown)
		p.When = "The kernel's list of those that it could have killed."
		p.Kinds = []string{"anon", "file", "shmem", "page tables", "swap", "not split"}
		for _, t := range r.Tasks {
			unsplit := max(t.RSS-t.Anon-t.File-t.Shmem, 0) // before Linux 6.8 all of it
			p.add(t.Name, t.TGID, fmt.Sprintf("oom_score_adj %d", t.OOMScoreAdj), t.Anon, t.File, t.Shmem, t.PageTables, t.Swap, unsplit)
		}
		if more = r.RestCount; r.Rest != nil {
			rest = r.Rest.RSS
		}
	default:
		return nil
	}
	if more > 0 {
		p.Rest = fmt.Sprintf("and %d more, with %s together", more, sizeText(rest))
	}
	p.dropEmpty()
	return &p
}

// fullestCensus is the last census of those in which the processes have the most memory, or nil. A later one may have seen
// them dead.
func fullestCensus(taken []outcome.Census) (fullest *outcome.Census) {
	maxSum := outcome.Bytes(0)
	for i, c := range taken {
		sum := c.MoreRSS
		for _, r := range c.Processes {
			sum += r.RSS() + r.Swap
		}
		if sum >= maxSum && sum > 0 {
			fullest, maxSum = &taken[i], sum
		}
	}
	return fullest
}

func (p *processes) add(name string, pid int, note string, sizes ...outcome.Bytes) {
	r := resident{Name: fmt.Sprintf("%s[%d]", printable.Line(ends(name, minText)), pid), Note: printable.Line(ends(note, minText))}
	sum := int64(0)
	for _, size := range sizes {
		size = max(size, 0)
		r.Sizes = append(r.Sizes, int64(size))
		r.Texts = append(r.Texts, sizeText(size))
		sum += int64(size)
	}
	p.Top = max(p.Top, sum)
	p.Rows = append(p.Rows, r)
}

// dropEmpty leaves kinds out of which no process has anything.
func (p *processes) dropEmpty() {
	for k := len(p.Kinds) - 1; k >= 0; k-- {
		some := false
		for _, r := range p.Rows {
			some = some || r.Sizes[k] > 0
		}
		if some {
			continue
		}
		p.Kinds = append(p.Kinds[:k:k], p.Kinds[k+1:]...)
		for i, r := range p.Rows {
			p.Rows[i].Sizes = append(r.Sizes[:k:k], r.Sizes[k+1:]...)
			p.Rows[i].Texts = append(r.Texts[:k:k], r.Texts[k+1:]...)
		}
	}
}

// state is a letter of proc_pid_stat(5) in words.
func state(letter string) string {
	if text, ok := map[string]string{"R": "running", "S": "sleeping", "D": "waiting in the kernel", "Z": "ended", "T": "stopped", "t": "stopped", "I": "idle"}[letter]; ok {
		return text
	}
	return letter
}
