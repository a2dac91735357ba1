package main

// anonBlock is an ordinary slice of the Go heap, as in a service that leaks or
// caches too much. So the garbage collector and GOMEMLIMIT have the say that they
// have there: they see a live heap that they cannot shrink. The hoard keeps it
// reachable, or the collector would take it back. A block of more than 32 KiB gets
// pages of its own, is never moved or copied, and holds no pointers to scan, so
// that it costs its own size and next to nothing besides.
type anonBlock []byte

func takeAnon(size int64) (block, error) {
	b := make(anonBlock, size)
	fill(b)
	return b, nil
}

// release does nothing: the hoard lets go of the slice, and has it collected.
func (anonBlock) release() error { return nil }
