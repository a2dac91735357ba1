package outcome

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Composition is what a cage was filled with when it was fullest.
type Composition struct {
	At        time.Duration `json:"at"`                   // since the run began
	Current   Bytes         `json:"current"`              // memory.current
	Swap      Bytes         `json:"swap,omitempty"`       // memory.swap.current
	SwapLimit Bytes         `json:"swap_limit,omitempty"` // memory.swap.max; 0: no swap was allowed
	Stat      MemoryStat    `json:"stat"`                 // memory.stat

	// Kernel is set where the sizes are from the kernel's own report, which it made when an allocation met the limit. Otherwise
	// they are those of the highest sample, which may be a little older.
	Kernel bool `json:"kernel,omitempty"`

	// Inherited is memory.current of the cage before the target was started.
	Inherited Bytes `json:"inherited,omitempty"`

	// What is known of the files in Stat.Shmem.
	Memfd Bytes            `json:"memfd,omitempty"` // see Census.Memfd
	Tmpfs map[string]Bytes `json:"tmpfs,omitempty"` // see Census.Tmpfs

	// Copied is how much of Stat.Anon are copies of pages that a parent and its forked child had shared, made when one of them
	// wrote to them (copy on write); 0 where none were seen.
	Copied Bytes `json:"copied,omitempty"`
}

// NewComposition returns what the cage was filled with: by the kernel's report of a kill for the cage's own limit, and, for what that
// lacks, by the samples up to the first kill. It returns nil where there is neither.
func NewComposition(e Evidence, t Timeline, taken []Census) *Composition {
	var c *Composition
	if s := t.fullest(); s != nil {
		c = &Composition{At: s.At, Current: s.Current, Swap: s.Swap, Stat: s.Stat}
	}
	if r := e.OwnReport(); r != nil {
		if c == nil {
			c = &Composition{}
		}
		raw := map[string]uint64{}
		for _, f := range c.Stat.fields() {
			raw[f.key] = f.get()
		}
		maps.Copy(raw, r.Stat)
		if reported := ReadMemoryStat(raw); !r.lacks(reported, c.Stat) {
			c.takeReport(r, reported, e)
		}
	}
	if c == nil {
		return nil
	}
	c.SwapLimit = e.swapAt(c.At)
	c.Copied = copied(taken, c.Stat.Anon)
	for _, one := range taken { // the last may see those who had the files dead
		c.Memfd = max(c.Memfd, one.Memfd)
		c.AddTmpfs(one.Tmpfs)
	}
	return c
}

// AddTmpfs takes in by how much each tmpfs has grown until the end of the run, by mount: the last Census may have come before that.
func (c *Composition) AddTmpfs(grown map[string]Bytes) {
	if c.Stat.Shmem < MinLeftover {
		return
	}
	for mount, size := range grown {
		if c.Tmpfs == nil {
			c.Tmpfs = map[string]Bytes{}
		}
		c.Tmpfs[mount] = max(c.Tmpfs[mount], size)
	}
}

// takeReport takes in the kernel's report.
func (c *Composition) takeReport(r *OOMReport, stat MemoryStat, e Evidence) {
	if stat.PageTables == 0 { // as Linux 6.18 has it in each report (2026-11), whatever the processes have
		stat.PageTables = min(max(c.Stat.PageTables, r.pageTables()), stat.kernelOther())
	}
	c.Stat, c.Kernel = stat, true
	if len(e.KillTimes) > 0 {
		c.At = e.KillTimes[0].At
	}
	if r.Memory != nil {
		c.Current = r.Memory.Usage
	}
	if r.Swap != nil {
		c.Swap = r.Swap.Usage
	}
}

// pageTables is what the processes of the report have together.
func (r *OOMReport) pageTables() (size Bytes) {
	for _, t := range r.Tasks {
		size += t.PageTables
	}
	if r.Rest != nil {
		size += r.Rest.PageTables
	}
	return size
}

// lacks reports whether the kernel's report lacks more of what the cage was charged with than the recorder: before a report the
// kernel sums up what each CPU has counted, unless that is being done already.
func (r *OOMReport) lacks(reported, recorded MemoryStat) bool {
	return r.Memory != nil && reported.Missing(r.Memory.Usage) > r.Memory.Usage/kindShare && recorded.sum() > reported.sum()
}

// unknown is what the cage was charged with and memory.stat had not summed up yet, where it is worth a word.
func (c *Composition) unknown() Bytes {
	if size := c.Stat.Missing(c.Current); size >= c.Current/kindShare {
		return size
	}
	return 0
}

// fullest is the last of the highest samples up to the first kill. Of one that was read while memory was given back the
// kinds do not add up, and it is left out.
func (t Timeline) fullest() (highest *Sample) {
	const close = 50 // one part in so many
	var top Bytes
	for i, s := range t {
		if off := s.Stat.Missing(s.Current).abs(); off > max(s.Current/10, 2*MiB) {
			continue
		}
		if top = max(top, s.Current); s.Current >= top-top/close {
			highest = &t[i]
		}
		if s.Events.OOMKill > 0 {
			break
		}
	}
	return highest
}

// sum is what the kinds take together: about memory.current, without what is on its way to swap.
func (s MemoryStat) sum() Bytes { return s.Anon + s.File + s.Sock + s.Kernel }

// toSwap is how much of SwapCached is in no kind, as far as current has more than the kinds: mostly anonymous memory that is being
// written to swap.
func (s MemoryStat) toSwap(current Bytes) Bytes { return max(min(s.SwapCached, current-s.sum()), 0) }

// unwritten is what of the page cache has to be written: dirty, or being written. What is written to meanwhile is both.
func (s MemoryStat) unwritten() Bytes { return min(s.Dirty+s.Writeback, max(s.File-s.Shmem, 0)) }

// Missing returns what of so much charged memory is in no kind; below 0 where the kinds have more.
func (s MemoryStat) Missing(current Bytes) Bytes { return current - s.sum() - s.toSwap(current) }

// OwnReport returns the kernel's report of the target's own kill for the cage's limit, or else of the last kill for that limit; nil
// where there is none with Stat.
func (e Evidence) OwnReport() *OOMReport {
	if k, ok := e.TargetKill(); ok && k.Report != nil && k.Report.Group == e.Cage && k.Report.Stat != nil {
		return k.Report
	}
	for _, k := range slices.Backward(e.Kills) {
		if k.Report != nil && k.Report.Group == e.Cage && k.Report.Stat != nil {
			return k.Report
		}
	}
	return nil
}

// Fill is one kind of memory in a Composition, or a part of one.
type Fill struct {
	Kind  string // a Kind, or the name of a part, such as "page tables"
	Size  Bytes  // above 0
	Parts []Fill // what is known of a Kind, the largest first; they may overlap, as locked huge pages do
}

// Fills returns the kinds of memory that there are, the largest first. Together they are what the cage was charged with, but for what
// memory.stat had not summed up yet.
func (c *Composition) Fills() []Fill {
	s := c.Stat
	pageCache, toSwap := max(s.File-s.Shmem, 0), s.toSwap(c.Current)
	fills := []Fill{
		{"anon", s.Anon + toSwap, []Fill{{"on its way to swap", toSwap, nil}, {"huge pages", s.AnonTHP, nil}, {"locked", min(s.Unevictable, s.Anon), nil}}},
		{"page cache", pageCache, []Fill{
			{"dirty", s.unwritten(), nil},
			{"mapped", min(s.Mapped, pageCache), nil}, {"huge pages", s.FileTHP, nil},
		}},
		{"shmem", s.Shmem, append([]Fill{{"huge pages", s.ShmemTHP, nil}}, c.files()...)},
		{"sock", s.Sock, nil},
		{"kernel", s.Kernel, []Fill{
			{"kernel stacks", s.KernelStack, nil}, {"page tables", s.PageTables + s.SecPageTables, nil}, {"per-CPU", s.PerCPU, nil},
			{"names and inodes", s.SlabReclaimable, nil}, {"other objects", s.SlabUnreclaimable, nil}, {"vmalloc", s.Vmalloc, nil},
			{"zswap", s.Zswap, nil}, {"pipe buffers and other pages", s.kernelOther(), nil},
		}},
	}
	if s.Anon < pageCache+s.Shmem { // what is locked is not known by kind: it is the larger one's
		fills[0].Parts = fills[0].Parts[:2]
	}
	for i := range fills {
		fills[i].Parts = slices.DeleteFunc(fills[i].Parts, func(f Fill) bool { return f.Size <= 0 })
		bySize(fills[i].Parts)
	}
	bySize(fills)
	return slices.DeleteFunc(fills, func(f Fill) bool { return f.Size <= 0 })
}

// files are the parts of shmem by where they are. A mount may be used by others too, so that no part is more than all.
func (c *Composition) files() (parts []Fill) {
	for _, mount := range slices.Sorted(maps.Keys(c.Tmpfs)) {
		parts = append(parts, Fill{"files on " + mount, min(c.Tmpfs[mount], c.Stat.Shmem), nil})
	}
	rest := c.Stat.Shmem
	for _, p := range parts {
		rest -= p.Size
	}
	name := "memfd or shared maps" // what is on no mount
	if c.Memfd > rest/2 {
		name = "memfd"
	}
	return append(parts, Fill{name, rest, nil})
}

func bySize(fills []Fill) {
	slices.SortStableFunc(fills, func(a, b Fill) int { return cmp.Compare(b.Size, a.Size) })
}
