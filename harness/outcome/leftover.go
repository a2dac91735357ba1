package outcome

import (
	"strings"

	"oomcage/harness/internal/human"
)

// Leftover is memory that stays charged above a cage when all its processes have ended and its TMPDIR is removed: it is in
// files. A later run that uses these files does not pay for what is there already.
type Leftover struct {
	Shmem Bytes    `json:"shmem,omitempty"` // in files on tmpfs, which stay until they are removed
	File  Bytes    `json:"file,omitempty"`  // page cache of other files, which the kernel takes back when it needs memory
	On    []string `json:"on,omitempty"`    // the tmpfs mounts that had more in use than before the run
}

// String says what is left and where, for people.
func (l Leftover) String() string {
	var parts []string
	if l.Shmem > 0 {
		on := ""
		if len(l.On) > 0 {
			on = " (" + strings.Join(l.On, ", ") + ")"
		}
		parts = append(parts, human.Size(l.Shmem)+" on tmpfs"+on)
	}
	if l.File > 0 {
		parts = append(parts, human.Size(l.File)+" of page cache")
	}
	return strings.Join(parts, ", ")
}

// MinLeftover is how much on a tmpfs is worth a word.
const MinLeftover = MiB

// NewLeftover is what a run has left charged, by memory.stat before it and after its end. What may be the lag of that file,
// or is not worth a word, is nothing.
func NewLeftover(before, after MemoryStat, b Baseline) Leftover {
	l := Leftover{Shmem: after.Shmem - before.Shmem, File: after.File - after.Shmem - (before.File - before.Shmem)}
	if l.File < b.StatLag() {
		l.File = 0
	}
	if l.Shmem < max(MinLeftover, b.StatLag()) {
		l.Shmem = 0
	}
	return l
}
