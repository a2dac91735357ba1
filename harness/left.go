package harness

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/sys"
)

// Left is memory that stays charged above a cage when all its processes have ended and its TMPDIR is removed: it is in
// files. A later run that uses these files does not pay for what is there already.
type Left struct {
	Shmem Bytes    `json:"shmem,omitempty"` // in files on tmpfs, which stay until they are removed
	File  Bytes    `json:"file,omitempty"`  // page cache of other files, which the kernel takes back when it needs memory
	On    []string `json:"on,omitempty"`    // the tmpfs mounts that had more in use than before the run
}

// left reads what p's cage is charged with when nothing runs in it any more. What was charged before is not the run's.
func (p *Process) left(b Baseline) Left {
	raw, err := p.cage.group.ReadKeyed("memory.stat")
	if err != nil {
		return Left{}
	}
	current, err := p.cage.group.ReadSize("memory.current")
	if err != nil {
		return Left{}
	}
	// memory.stat may be behind by more than its lag when the kernel is just summing it up; memory.current is exact.
	shmem, file := min(Bytes(raw["shmem"]), Bytes(current)), min(Bytes(raw["file"]), Bytes(current))
	l := Left{Shmem: shmem - p.charged.Shmem, File: file - shmem - (p.charged.File - p.charged.Shmem)}
	if l.File < b.statLag() {
		l.File = 0
	}
	if l.Shmem < max(leastLeft, b.statLag()) {
		l.Shmem = 0
		return l
	}
	for mount, used := range tmpfsInUse() {
		if used-p.tmpfs[mount] >= leastLeft {
			l.On = append(l.On, mount)
		}
	}
	slices.Sort(l.On)
	return l
}

// leastLeft is how much on a tmpfs is worth a word.
const leastLeft = MiB

// String says what is left and where, for people.
func (l Left) String() string {
	var parts []string
	if l.Shmem > 0 {
		on := ""
		if len(l.On) > 0 {
			on = " (" + strings.Join(l.On, ", ") + ")"
		}
		parts = append(parts, fmt.Sprintf("%d bytes on tmpfs%s", l.Shmem, on))
	}
	if l.File > 0 {
		parts = append(parts, fmt.Sprintf("%d of page cache", l.File))
	}
	return strings.Join(parts, ", ")
}

// leftBehind is what the runs of this process have left on tmpfs so far.
var leftBehind struct {
	sync.Mutex
	on map[string]Bytes // by mount
}

// leave notes what a run has left. Where the mount is not known, nobody can tell when it is gone.
func (l Left) leave() {
	leftBehind.Lock()
	defer leftBehind.Unlock()
	for _, mount := range l.On {
		if leftBehind.on == nil {
			leftBehind.on = map[string]Bytes{}
		}
		leftBehind.on[mount] += l.Shmem
	}
}

// found is what earlier runs of this process have left on the mounts, of which so much is in use now.
func found(inUse map[string]Bytes) Left {
	leftBehind.Lock()
	defer leftBehind.Unlock()
	var l Left
	for mount, left := range leftBehind.on {
		left = min(left, inUse[mount])
		leftBehind.on[mount] = left
		if left >= leastLeft {
			l.Shmem += left
			l.On = append(l.On, mount)
		}
	}
	slices.Sort(l.On)
	return l
}

// tmpfsInUse is how much is in use of each tmpfs that is mounted; nil where that cannot be read.
func tmpfsInUse() map[string]Bytes {
	text, err := sys.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil
	}
	inUse := map[string]Bytes{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[2] != "tmpfs" && fields[2] != "rootfs" { // the latter is one, too
			continue
		}
		mount := unescapeMount.Replace(fields[1])
		var at unix.Statfs_t
		if unix.Statfs(mount, &at) == nil {
			inUse[mount] = Bytes(at.Blocks-at.Bfree) * Bytes(at.Bsize)
		}
	}
	return inUse
}

// unescapeMount undoes what show_mnt_opts and seq_path do to a path (proc_pid_mounts(5)).
var unescapeMount = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
