package main

import (
	"encoding/binary"
	"os"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTakenMemoryIsCountedAndEveryPageIsThere(t *testing.T) {
	h := new(hoard)
	t.Cleanup(func() { mustDrop(t, h) })
	assert.Equal(t, held{}, h.stats().held)
	assert.Equal(t, held{Allocations: 1, Bytes: 8 << 20}, mustTake(t, h, anon, 8<<20))
	assert.Equal(t, held{Allocations: 2, Bytes: 8<<20 + 1}, mustTake(t, h, anon, 1))
	assert.Equal(t, held{Allocations: 2, Bytes: 8<<20 + 1}, h.stats().held)

	present, of := mustCountPages(t, anonAddress(h.blocks[0]), 8<<20)
	assert.Equal(t, of, present)
}

func TestTakenMemorySurvivesTheGarbageCollector(t *testing.T) {
	h := new(hoard)
	t.Cleanup(func() { mustDrop(t, h) })
	mustTake(t, h, anon, 4<<20)
	runtime.GC()
	runtime.GC()
	present, of := mustCountPages(t, anonAddress(h.blocks[0]), 4<<20)
	assert.Equal(t, of, present)
	assert.Equal(t, held{Allocations: 1, Bytes: 4 << 20}, h.stats().held)
}

func TestDroppedMemoryIsBackAtTheKernel(t *testing.T) {
	const size = 32 << 20
	h := new(hoard)
	mustTake(t, h, anon, size)
	at := anonAddress(h.blocks[0])
	before, of := mustCountPages(t, at, size)
	require.Equal(t, of, before)

	assert.Equal(t, held{Allocations: 1, Bytes: size}, mustDrop(t, h))
	assert.Equal(t, held{}, h.stats().held)
	assert.Equal(t, held{}, mustDrop(t, h))

	// The runtime may put something small of its own where the block was, and
	// with transparent huge pages the kernel then gives it 2 MiB at once. Seen
	// on 6.12 with huge pages always on: 640 pages (2.5 MiB) in 2026-11. The
	// bound is 8 MiB; were nothing given back, it would be all 32.
	after, _ := mustCountPages(t, at, size)
	assert.Less(t, after, of/4, "of %d pages", of)
}

func TestMemoryCanBeTakenAgainAfterADrop(t *testing.T) {
	h := new(hoard)
	for range 5 {
		assert.Equal(t, held{Allocations: 1, Bytes: 4 << 20}, mustTake(t, h, anon, 4<<20))
		present, of := mustCountPages(t, anonAddress(h.blocks[0]), 4<<20)
		assert.Equal(t, of, present)
		assert.Equal(t, held{Allocations: 1, Bytes: 4 << 20}, mustDrop(t, h))
	}
}

func TestNothingIsLostWhenManyTakeAndDropAtOnce(t *testing.T) {
	const goroutines, rounds, size = 8, 20, 10_000
	var (
		h       = new(hoard)
		wg      sync.WaitGroup
		mu      sync.Mutex
		dropped held
	)
	for range goroutines {
		wg.Go(func() {
			for i := range rounds {
				mustTake(t, h, anon, size)
				if i%10 == 9 {
					d := mustDrop(t, h)
					mu.Lock()
					dropped.Allocations += d.Allocations
					dropped.Bytes += d.Bytes
					mu.Unlock()
				}
				now := h.stats().held
				assert.Equal(t, int64(now.Allocations)*size, now.Bytes)
			}
		})
	}
	wg.Wait()
	last := mustDrop(t, h)
	assert.Equal(t, goroutines*rounds, dropped.Allocations+last.Allocations)
	assert.Equal(t, int64(goroutines*rounds*size), dropped.Bytes+last.Bytes)
}

func TestNoTwoPagesAreEqual(t *testing.T) {
	h := new(hoard)
	t.Cleanup(func() { mustDrop(t, h) })
	for range 3 { // pages of different blocks differ as well
		mustTake(t, h, anon, 2<<20)
	}
	seen := map[[pageSize]byte]bool{}
	pages := 0
	for _, taken := range h.blocks {
		block := taken.block.(anonBlock)
		for ; len(block) > 0; block = block[pageSize:] {
			seen[[pageSize]byte(block)] = true
			pages++
		}
	}
	assert.Len(t, seen, pages)
	assert.Equal(t, 6<<20/pageSize, pages)
}

// anon is the kind that needs nothing but the heap.
var anon = kinds[0]

func mustTake(tb testing.TB, h *hoard, k kind, size int64) held {
	tb.Helper()
	now, err := h.take(k, size)
	if err != nil { // not require: it may be called from any goroutine
		tb.Error(err)
	}
	return now
}

func mustDrop(tb testing.TB, h *hoard) held {
	tb.Helper()
	dropped, err := h.drop(kinds)
	if err != nil {
		tb.Error(err)
	}
	return dropped
}

// anonAddress returns where a block lies, without keeping it alive.
func anonAddress(t taken) uintptr {
	return uintptr(unsafe.Pointer(unsafe.SliceData(t.block.(anonBlock))))
}

// mustCountPages asks the kernel how many of the pages that lie wholly between
// the address and address+size are in memory or in swap, and how many there are.
// The resident size of the process says less: under the race detector it counts
// the detector's shadow too.
func mustCountPages(tb testing.TB, at uintptr, size int) (present, of int) {
	tb.Helper()
	page := uintptr(os.Getpagesize())
	first, end := (at+page-1)/page, (at+uintptr(size))/page
	f, err := os.Open("/proc/self/pagemap")
	require.NoError(tb, err)
	defer f.Close()
	// One word a page; bit 63 is set if it is in memory, bit 62 if in swap.
	words := make([]byte, 8*(end-first))
	_, err = f.ReadAt(words, int64(8*first))
	require.NoError(tb, err)
	for ; len(words) > 0; words = words[8:] {
		of++
		if binary.NativeEndian.Uint64(words)>>62 != 0 {
			present++
		}
	}
	return present, of
}
