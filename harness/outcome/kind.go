package outcome

import (
	"slices"
	"strings"

	"oomcage/harness/internal/bar"
)

// Kind is a kind of memory that a cage can be filled with. Together the kinds are what it is charged with, but for what
// memory.stat has not summed up yet, and for the kernel's own memory before Linux 5.18.
type Kind string

// The kinds, in the order in which plots stack them: what the kernel can give up at once comes last.
const (
	KindAnon      Kind = "anon"       // MemoryStat.Anon
	KindShmem     Kind = "shmem"      // MemoryStat.Shmem: tmpfs, memfd and shared anonymous memory
	KindSock      Kind = "sock"       // MemoryStat.Sock
	KindKernel    Kind = "kernel"     // MemoryStat.Kernel
	KindPageCache Kind = "page cache" // MemoryStat.File without Shmem
)

// Kinds returns all kinds in their order.
func Kinds() []Kind { return []Kind{KindAnon, KindShmem, KindSock, KindKernel, KindPageCache} }

// Letter returns the letter that stands for the kind in a bar: a, s, n (network), k or f (files).
func (k Kind) Letter() string {
	return map[Kind]string{KindAnon: "a", KindShmem: "s", KindSock: "n", KindKernel: "k", KindPageCache: "f"}[k]
}

// Of returns how much there is of the kind; 0 for an unknown one.
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

// BarKinds are the kinds that a bar of text tells apart. nil: none.
type BarKinds []Kind

// BarKindsOf returns the kinds of which one of the readings has at least a twentieth of full; nil where that is one kind alone, which
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

// Bar draws how much of full is used as a line of text, with the letters of the kinds.
func (kinds BarKinds) Bar(used, full Bytes, s MemoryStat) string {
	parts := make([]bar.Part, len(kinds))
	for i, k := range kinds {
		parts[i] = bar.Part{Mark: k.Letter(), Size: int64(s.Of(k))}
	}
	return bar.Draw(int64(used), int64(full), parts...)
}

// Legend says what the letters are: "a anon, k kernel, █ other or not known"; "" where there are none.
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
