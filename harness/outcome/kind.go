package outcome

import (
	"slices"
	"strings"

	"oomcage/harness/internal/bar"
)

// Kind is a kind of memory that a cage can be filled with. Together the kinds are what it is charged with, but for what
// memory.stat lags behind, and for the kernel's own before Linux 5.18.
type Kind string

// The kinds, in the order in which they are stacked: what the kernel can give up at once comes last.
const (
	KindAnon      Kind = "anon"
	KindShmem     Kind = "shmem" // tmpfs, memfd and shared anonymous memory
	KindSock      Kind = "sock"
	KindKernel    Kind = "kernel"
	KindPageCache Kind = "page cache" // of files on disks
)

// Kinds are all kinds in their order.
func Kinds() []Kind { return []Kind{KindAnon, KindShmem, KindSock, KindKernel, KindPageCache} }

// Letter stands for the kind where there is room for no more.
func (k Kind) Letter() string {
	return map[Kind]string{KindAnon: "a", KindShmem: "s", KindSock: "n", KindKernel: "k", KindPageCache: "f"}[k]
}

// Of is how much of the kind there is.
func (s MemoryStat) Of(k Kind) Bytes {
	switch k {
	case KindAnon:
		return s.Anon
	case KindShmem:
		return s.Shmem
	case KindSock:
		return s.Sock
	case KindKernel:
		return s.Kernel
	case KindPageCache:
		return max(s.File-s.Shmem, 0) // the kernel counts shmem as file too
	}
	return 0
}

// FilledBy returns the kind of memory that filled the cage most, and how much of it there was; "" and 0 if that is not known.
func (c *Composition) FilledBy() (Kind, Bytes) {
	if c == nil {
		return "", 0
	}
	fills := c.Fills()
	if len(fills) == 0 {
		return "", 0
	}
	return Kind(fills[0].Kind), fills[0].Size
}

// BarKinds are kinds that a bar tells apart.
type BarKinds []Kind

// BarKindsOf are the kinds of which any of the readings has a twentieth of full; none where that is one kind alone, which
// needs no telling apart.
func BarKindsOf(full Bytes, readings ...MemoryStat) BarKinds {
	var some BarKinds
	for _, k := range Kinds() {
		if slices.ContainsFunc(readings, func(s MemoryStat) bool { return full > 0 && s.Of(k) >= max(full/kindShare, 1) }) {
			some = append(some, k)
		}
	}
	if len(some) < 2 {
		return nil
	}
	return some
}

// Bar draws how much of full is used, with the letters of the kinds.
func (kinds BarKinds) Bar(used, full Bytes, s MemoryStat) string {
	parts := make([]bar.Part, len(kinds))
	for i, k := range kinds {
		parts[i] = bar.Part{Mark: k.Letter(), Size: int64(s.Of(k))}
	}
	return bar.Draw(int64(used), int64(full), parts...)
}

// Legend names the letters: "a anon, k kernel, █ other or not known"; "" where there are none.
func (kinds BarKinds) Legend() string {
	if kinds == nil {
		return ""
	}
	var b strings.Builder
	for _, k := range kinds {
		b.WriteString(k.Letter() + " " + string(k) + ", ")
	}
	return b.String() + "█ other or not known"
}
