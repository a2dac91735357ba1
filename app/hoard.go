package main

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// hoard is the memory that the service has taken and keeps. Its zero value holds
// nothing and is ready for use by many goroutines at once.
//
// The blocks are ordinary slices of the Go heap, as in a service that leaks or
// caches too much. So the garbage collector and GOMEMLIMIT have the say that
// they have there: they see a live heap that they cannot shrink. The service
// keeps its hoard reachable for its whole life, or the collector would take the
// blocks back. A block of more than 32 KiB gets pages of its own, is never
// moved or copied, and holds no pointers to scan, so that it costs its own size
// and next to nothing besides.
type hoard struct {
	pages atomic.Uint64 // numbers handed out to pages, so that no two pages are filled alike

	mu     sync.Mutex // guards what follows; never held while memory is filled or returned
	blocks [][]byte
	bytes  int64 // the sum of their lengths
}

// held tells how much a hoard holds.
type held struct {
	Allocations int   `json:"allocations"` // blocks taken and not let go
	Bytes       int64 `json:"bytes"`       // their sizes together
}

// take adds a block of size bytes, every page of it written, and returns what is
// held with it. The size must be above zero. It does not return if the kernel
// kills the process on the way, or if the Go runtime is refused the address
// space (the process then exits with status 2 and "out of memory").
func (h *hoard) take(size int64) held {
	block := make([]byte, size)
	pages := uint64(size+pageSize-1) / pageSize
	fill(block, h.pages.Add(pages)-pages)

	h.mu.Lock()
	defer h.mu.Unlock()
	h.blocks = append(h.blocks, block)
	h.bytes += size
	return h.heldLocked()
}

// drop lets all blocks go, returns their memory to the kernel before it returns
// itself, and tells what they were. A block that another goroutine is still
// filling is not among them.
func (h *hoard) drop() held {
	h.mu.Lock()
	dropped := h.heldLocked()
	h.blocks, h.bytes = nil, 0
	h.mu.Unlock()

	// Collects now and gives back all that is free, which the runtime would
	// otherwise do over minutes. The charge of the cage falls with it.
	debug.FreeOSMemory()
	return dropped
}

// held tells what is held now.
func (h *hoard) held() held {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.heldLocked()
}

func (h *hoard) heldLocked() held {
	return held{Allocations: len(h.blocks), Bytes: h.bytes}
}

// pageSize is the unit, in bytes, in which fill varies what it writes: the
// smallest page of the kernels that matter here. Where pages are larger, each
// holds several of these.
const pageSize = 4096

// noise is one page of random bytes. It is different in each process, so that a
// kernel that merges equal pages (KSM, in the host of a VM) finds none either.
var noise = func() (page [pageSize]byte) {
	for i := 0; i < pageSize; i += 8 {
		binary.LittleEndian.PutUint64(page[i:], rand.Uint64())
	}
	return page
}()

// fill writes every byte of b: the noise, each eight bytes of it XORed with the
// key of the page. That is as random as the noise itself, so zswap and zram
// cannot shrink it, and no two page numbers get the same bytes, so nothing can
// share them. The pages of b are numbered from first.
//
// A random number for each byte would take 30 times as long as the page faults
// do; this is hidden behind them (BenchmarkFill): the noise stays in the
// first-level cache, and the page is there too, for the kernel has just zeroed
// it. Eight words a turn, with their bounds checked once, are 2.5 times as fast
// as one in warm memory. The turns stand here because as a function of their
// own, called for each page, they were 20 % slower in fresh memory (1.9 against
// 2.4 GB/s, measured 2026-11 in a VM on an AMD EPYC; why was not established).
func fill(b []byte, first uint64) {
	le := binary.LittleEndian
	for ; len(b) >= pageSize; b = b[pageSize:] {
		key := pageKey(first)
		first++
		for i := 0; i < pageSize; i += 64 {
			from, to := (*[64]byte)(noise[i:]), (*[64]byte)(b[i:])
			le.PutUint64(to[0:], le.Uint64(from[0:])^key)
			le.PutUint64(to[8:], le.Uint64(from[8:])^key)
			le.PutUint64(to[16:], le.Uint64(from[16:])^key)
			le.PutUint64(to[24:], le.Uint64(from[24:])^key)
			le.PutUint64(to[32:], le.Uint64(from[32:])^key)
			le.PutUint64(to[40:], le.Uint64(from[40:])^key)
			le.PutUint64(to[48:], le.Uint64(from[48:])^key)
			le.PutUint64(to[56:], le.Uint64(from[56:])^key)
		}
	}
	if len(b) > 0 { // the rest is the beginning of a page
		var page [pageSize]byte
		fill(page[:], first)
		copy(b, page[:])
	}
}

// pageKey turns the number of a page into its key: SplitMix64's output function.
// Each of its steps can be undone, so different numbers have different keys, and
// neighbours differ in all bytes, so a compressor whose window spans pages finds
// no repeats.
func pageKey(page uint64) uint64 {
	k := (page + 1) * 0x9e3779b97f4a7c15
	k = (k ^ k>>30) * 0xbf58476d1ce4e5b9
	k = (k ^ k>>27) * 0x94d049bb133111eb
	return k ^ k>>31
}
