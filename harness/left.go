package harness

import (
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/patience"
	"oomcage/harness/internal/sys"
	"oomcage/harness/outcome"
)

// left reads what p's cage is charged with when nothing runs in it any more. What was charged before is not the run's.
func (p *Process) left(b outcome.Baseline) outcome.Leftover {
	now, err := p.summedUp(max(outcome.MinLeftover, b.StatLag()))
	if err != nil {
		return outcome.Leftover{}
	}
	l := outcome.NewLeftover(p.charged, now, b)
	if l.Shmem == 0 {
		return l
	}
	l.On = slices.Sorted(maps.Keys(growth(p.tmpfs)))
	return l
}

// sumGrace is how long memory.stat may take to have what memory.current has. The kernel sums it up every 2 s (FLUSH_TIME in
// mm/memcontrol.c), and meanwhile for whoever reads it, unless it is doing so just then: that reader gets what there was before.
const sumGrace = 3 * time.Second

// sumUp has e say of what memory is that stays charged though nothing runs in the cage any more, where memory.stat was behind when it
// was read.
func (p *Process) sumUp(e *Evidence, before outcome.MemoryStat) {
	lag := max(outcome.MinLeftover, outcome.Baseline{CPUs: sys.OnlineCPUs(), PageSize: Bytes(os.Getpagesize())}.StatLag())
	if off := e.Stat.Missing(e.Current); -lag < off && off < lag || e.Unread[outcome.StatFile] != "" {
		return
	}
	if pids, err := p.cage.group.Procs(); err != nil || len(pids) > 0 {
		return
	}
	if now, err := p.summedUp(lag); err == nil {
		e.Stat = now.Since(before)
	}
}

// summedUp reads memory.stat of a cage in which nothing runs, until it is off by less than that from memory.current, which is exact.
func (p *Process) summedUp(lag Bytes) (outcome.MemoryStat, error) {
	grace := patience.New(sumGrace)
	defer grace.End()
	for {
		raw, err := p.cage.group.ReadKeyed("memory.stat")
		if err != nil {
			return outcome.MemoryStat{}, err
		}
		size, err := p.cage.group.ReadSize("memory.current")
		if err != nil {
			return outcome.MemoryStat{}, err
		}
		now, current := outcome.ReadMemoryStat(raw), Bytes(size)
		off := now.Missing(current)
		if -lag < off && off < lag {
			return upTo(current, now), nil
		}
		select {
		case <-grace.Over:
			return upTo(current, now), nil
		case <-time.After(10 * time.Millisecond): // the kernel tells nobody
		}
	}
}

// upTo is what memory.stat says of files where so much is charged in all, which is exact: a file that was removed just now may be in
// memory.stat still.
func upTo(current Bytes, s outcome.MemoryStat) outcome.MemoryStat {
	s.File, s.Shmem = min(s.File, current), min(s.Shmem, current)
	return s
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
