package outcome

import (
	"strings"

	"oomcage/harness/internal/human"
)

// Leftover is memory in files that stays charged to a cgroup above the cage when all processes of the cage have ended and its TMPDIR is
// removed. A later run that uses these files is not charged for it again. The zero value is nothing.
type Leftover struct {
	Shmem Bytes    `json:"shmem,omitempty"` // in files on tmpfs, which stay until they are removed
	File  Bytes    `json:"file,omitempty"`  // page cache of other files, which the kernel takes back when it needs memory
	On    []string `json:"on,omitempty"`    // the tmpfs mounts on which more was in use than before the run
}

// String returns "59.0 MiB on tmpfs (/dev/shm), 8.0 MiB of page cache"; "" for the zero value.
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

// MinLeftover is how much on tmpfs is worth a word: less is neither looked for nor told.
const MinLeftover = MiB

// NewLeftover returns what a run has left charged, by memory.stat of the cage before the run and after its end. Less than MinLeftover on
// tmpfs, and less than that file may lag behind (Baseline.StatLag), count as nothing. On stays nil.
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
