package main

import (
	"errors"
	"runtime/debug"
	"slices"
	"sync"
)

// hoard is the memory that the service has taken and keeps. Its zero value holds
// nothing and is ready for use by many goroutines at once.
type hoard struct {
	mu     sync.Mutex // never held while memory is filled or returned
	blocks []taken
}

// taken is one block and what it is.
type taken struct {
	block
	kind string
	size int64 // bytes
}

// held tells how much a hoard holds.
type held struct {
	Allocations int   `json:"allocations"` // blocks taken and not let go
	Bytes       int64 `json:"bytes"`       // their sizes together
}

func (h *held) add(t taken) {
	h.Allocations++
	h.Bytes += t.size
}

// stats tells what a hoard holds: all of it, and how much of each kind.
type stats struct {
	held
	Kinds map[string]held `json:"kinds"` // every kind there is
}

// take adds a block of size bytes, every page of it written and charged, and
// returns what is held with it. The size must be above zero. With an error nothing
// is added. It does not return if the kernel kills the process on the way, or if
// the Go runtime is refused the address space (the process then exits with status
// 2 and "out of memory").
func (h *hoard) take(k kind, size int64) (held, error) {
	b, err := k.take(size)
	if err != nil {
		return held{}, err
	}
	h.mu.Lock()
	h.blocks = append(h.blocks, taken{block: b, kind: k.name, size: size})
	h.mu.Unlock()
	return h.stats().held, nil
}

// drop lets all blocks go of these kinds, returns their memory to the kernel
// before it returns itself, and tells what they were. A block that
// another goroutine is still filling is not among them.
func (h *hoard) drop(these []kind) (held, error) {
	var (
		dropped []taken
		sum     held
		errs    []error
	)
	h.mu.Lock()
	h.forgetLost()
	h.blocks = slices.DeleteFunc(h.blocks, func(t taken) bool {
		match := slices.ContainsFunc(these, func(k kind) bool { return k.name == t.kind })
		if match {
			dropped = append(dropped, t)
		}
		return match
	})
	h.mu.Unlock()

	for _, t := range dropped {
		sum.add(t)
		errs = append(errs, t.release())
	}
	clear(dropped) // for the collector, which is to find no block in it

	// Collects now and gives back all that is free, which the runtime would
	// otherwise do over minutes. The charge of the cage falls with it.
	debug.FreeOSMemory()
	return sum, errors.Join(errs...)
}

// stats tells what is held now.
func (h *hoard) stats() stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forgetLost()
	s := stats{Kinds: map[string]held{}}
	for _, k := range kinds {
		s.Kinds[k.name] = held{}
	}
	for _, t := range h.blocks {
		s.add(t)
		of := s.Kinds[t.kind]
		of.add(t)
		s.Kinds[t.kind] = of
	}
	return s
}

// forgetLost forgets the blocks that are gone without having been let go.
func (h *hoard) forgetLost() {
	h.blocks = slices.DeleteFunc(h.blocks, func(t taken) bool {
		l, can := t.block.(interface{ lost() bool })
		return can && l.lost()
	})
}
