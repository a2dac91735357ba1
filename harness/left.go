package harness

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/sys"
	"oomcage/harness/outcome"
)

// left reads what p's cage is charged with when nothing runs in it any more. What was charged before is not the run's.
func (p *Process) left(b outcome.Baseline) outcome.Leftover {
	raw, err := p.cage.group.ReadKeyed("memory.stat")
	if err != nil {
		return outcome.Leftover{}
	}
	current, err := p.cage.group.ReadSize("memory.current")
	if err != nil {
		return outcome.Leftover{}
	}
	// memory.stat may be behind by more than its lag when the kernel is just summing it up; memory.current is exact.
	now := outcome.MemoryStat{File: min(Bytes(raw["file"]), Bytes(current)), Shmem: min(Bytes(raw["shmem"]), Bytes(current))}
	l := outcome.NewLeftover(p.charged, now, b)
	if l.Shmem == 0 {
		return l
	}
	l.On = slices.Sorted(maps.Keys(growth(p.tmpfs)))
	return l
}

// leftBehind is what the runs of this process have left on tmpfs so far.
var leftBehind struct {
	sync.Mutex
	on map[string]Bytes // by mount
}

// leave notes what a run has left. Where the mount is not known, nobody can tell when it is gone.
func leave(l outcome.Leftover) {
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
func found(inUse map[string]Bytes) outcome.Leftover {
	leftBehind.Lock()
	defer leftBehind.Unlock()
	var l outcome.Leftover
	for mount, left := range leftBehind.on {
		left = min(left, inUse[mount])
		leftBehind.on[mount] = left
		if left >= outcome.MinLeftover {
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
		mount := sys.UnescapeMount(fields[1])
		var at unix.Statfs_t
		if unix.Statfs(mount, &at) == nil {
			inUse[mount] = Bytes(at.Blocks-at.Bfree) * Bytes(at.Bsize)
		}
	}
	return inUse
}

// growth returns how much more is in use on each tmpfs than before, without the small differences.
func growth(before map[string]Bytes) map[string]Bytes {
	more := map[string]Bytes{}
	for mount, used := range tmpfsInUse() {
		if used-before[mount] >= outcome.MinLeftover {
			more[mount] = used - before[mount]
		}
	}
	return more
}
