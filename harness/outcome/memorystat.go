package outcome

// MemoryStat is the part of memory.stat that says what memory is used for, in bytes, and how the kernel took it
// back, as counts since the cgroup was made (Documentation/admin-guide/cgroup-v2.rst). Anon, File, Sock and
// Kernel do not overlap; the other sizes, but for Zswapped, are parts of these. What the kernel does not have is 0.
type MemoryStat struct {
	Anon    Bytes `json:"anon,omitempty"`     // what processes map and no file holds
	AnonTHP Bytes `json:"anon_thp,omitempty"` // of Anon in huge pages

	File      Bytes `json:"file,omitempty"`           // page cache: files, tmpfs and shared memory
	FileTHP   Bytes `json:"file_thp,omitempty"`       // of File in huge pages, without Shmem's
	Shmem     Bytes `json:"shmem,omitempty"`          // of File what has no disk to go to: tmpfs, memfd, shared anonymous memory
	ShmemTHP  Bytes `json:"shmem_thp,omitempty"`      // of Shmem in huge pages
	Mapped    Bytes `json:"file_mapped,omitempty"`    // of File what processes map
	Dirty     Bytes `json:"file_dirty,omitempty"`     // of File what has to be written before it can be given up
	Writeback Bytes `json:"file_writeback,omitempty"` // of File what is being written

	Unevictable Bytes `json:"unevictable,omitempty"` // of Anon and File what is locked into memory
	SwapCached  Bytes `json:"swapcached,omitempty"`  // what is in memory and in swap, both: of Anon what processes map; the rest, which is being written or was read ahead, is in no other kind

	Sock Bytes `json:"sock,omitempty"` // buffers of sockets

	Kernel            Bytes `json:"kernel,omitempty"`             // the kernel's own; 0 before Linux 5.18
	KernelStack       Bytes `json:"kernel_stack,omitempty"`       // of Kernel the stacks of threads
	PageTables        Bytes `json:"pagetables,omitempty"`         // of Kernel the page tables of processes
	SecPageTables     Bytes `json:"sec_pagetables,omitempty"`     // of Kernel those of virtual machines and IOMMUs
	PerCPU            Bytes `json:"percpu,omitempty"`             // of Kernel what exists once for each CPU
	Vmalloc           Bytes `json:"vmalloc,omitempty"`            // of Kernel what is mapped page by page
	SlabReclaimable   Bytes `json:"slab_reclaimable,omitempty"`   // of Kernel objects that can be given up: names and inodes
	SlabUnreclaimable Bytes `json:"slab_unreclaimable,omitempty"` // of Kernel other objects
	Zswap             Bytes `json:"zswap,omitempty"`              // of Kernel pages that were swapped out and are kept compressed

	Zswapped Bytes `json:"zswapped,omitempty"` // what the pages of Zswap took before they were compressed

	RefaultAnon uint64 `json:"workingset_refault_anon,omitempty"` // pages that came back soon after they had been swapped out
	RefaultFile uint64 `json:"workingset_refault_file,omitempty"` // pages that came back soon after they had been dropped
	Scanned     uint64 `json:"pgscan,omitempty"`                  // pages that reclaim has looked at
	Stolen      uint64 `json:"pgsteal,omitempty"`                 // pages that reclaim has taken back
	MajorFaults uint64 `json:"pgmajfault,omitempty"`              // page faults that waited for a disk
	THPFaults   uint64 `json:"thp_fault_alloc,omitempty"`         // page faults that took a huge page at once
}

// statField is a line of memory.stat and its place.
type statField struct {
	key   string
	value *uint64 // of a counter
	size  *Bytes  // of a size
}

// fields lists the kernel's names and where their values go, in the order of the struct.
func (s *MemoryStat) fields() [statFields]statField {
	size := func(key string, to *Bytes) statField { return statField{key: key, size: to} }
	count := func(key string, to *uint64) statField { return statField{key: key, value: to} }
	return [...]statField{
		size("anon", &s.Anon), size("anon_thp", &s.AnonTHP),
		size("file", &s.File), size("file_thp", &s.FileTHP), size("shmem", &s.Shmem), size("shmem_thp", &s.ShmemTHP),
		size("file_mapped", &s.Mapped), size("file_dirty", &s.Dirty), size("file_writeback", &s.Writeback),
		size("unevictable", &s.Unevictable), size("swapcached", &s.SwapCached), size("sock", &s.Sock),
		size("kernel", &s.Kernel), size("kernel_stack", &s.KernelStack), size("pagetables", &s.PageTables),
		size("sec_pagetables", &s.SecPageTables), size("percpu", &s.PerCPU), size("vmalloc", &s.Vmalloc),
		size("slab_reclaimable", &s.SlabReclaimable), size("slab_unreclaimable", &s.SlabUnreclaimable),
		size("zswap", &s.Zswap), size("zswapped", &s.Zswapped),
		count("workingset_refault_anon", &s.RefaultAnon), count("workingset_refault_file", &s.RefaultFile),
		count("pgscan", &s.Scanned), count("pgsteal", &s.Stolen), count("pgmajfault", &s.MajorFaults),
		count("thp_fault_alloc", &s.THPFaults),
	}
}

const statFields = 28

func (f statField) get() uint64 {
	if f.size != nil {
		return uint64(*f.size)
	}
	return *f.value
}

func (f statField) set(n uint64) {
	if f.size != nil {
		*f.size = Bytes(n)
		return
	}
	*f.value = n
}

// statIndex is where a line of memory.stat stands among the fields.
var statIndex = func() map[string]int {
	index := map[string]int{}
	for i, f := range new(MemoryStat).fields() {
		index[f.key] = i
	}
	return index
}()

// Set takes in one line of memory.stat. A key that a MemoryStat does not have is passed over.
func (s *MemoryStat) Set(key []byte, value uint64) {
	if i, ok := statIndex[string(key)]; ok {
		s.fields()[i].set(value)
	}
}

// ReadMemoryStat returns what a MemoryStat has of the keys of memory.stat. A key that is missing leaves a 0.
func ReadMemoryStat(raw map[string]uint64) MemoryStat {
	var s MemoryStat
	for _, f := range s.fields() {
		f.set(raw[f.key])
	}
	return s
}

// Since returns the sizes of s, and what its counters have counted since before; 0 for one that fell.
func (s MemoryStat) Since(before MemoryStat) MemoryStat {
	now, then := s.fields(), before.fields()
	for i := range now {
		if now[i].value != nil {
			*now[i].value -= min(*now[i].value, *then[i].value)
		}
	}
	return s
}

// kernelOther is what the kernel's own memory has that none of its parts names: the buffers of pipes above all.
func (s MemoryStat) kernelOther() Bytes {
	return max(s.Kernel-s.KernelStack-s.PageTables-s.SecPageTables-s.PerCPU-s.Vmalloc-s.SlabReclaimable-s.SlabUnreclaimable-s.Zswap, 0)
}
