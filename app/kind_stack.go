package main

import "sync"

// stackBlock is goroutines that wait at the bottom of a recursion. A Go program
// cannot choose how large the stack of an operating system's thread is (without
// cgo it has 16 KiB that the runtime allocates), but a goroutine's grows as it is
// used. The runtime allocates it beside the heap; to the kernel both are anon.
type stackBlock struct {
	running *sync.WaitGroup
	end     chan struct{} // closed to let them return
}

// One stack has room for 15 frames: it is 256 KiB, a power of two, as the runtime
// doubles it, and each frame is somewhat more than its array. So nearly all of a
// stack is written, and the stacks that it has outgrown serve the next goroutine.
const (
	stackFrame  = 16 << 10        // bytes of one frame's array
	stackFrames = 15 * stackFrame // bytes in the arrays of one stack
)

func takeStack(size int64) (block, error) {
	b := stackBlock{running: new(sync.WaitGroup), end: make(chan struct{})}
	ready := make(chan struct{})
	for ; size > 0; size -= stackFrames {
		part := min(size, stackFrames)
		b.running.Go(func() { descend(part, ready, b.end) })
		<-ready
	}
	return b, nil
}

// descend writes size bytes to frames of its own stack, tells that it is ready,
// and keeps them until the end.
func descend(size int64, ready chan<- struct{}, end <-chan struct{}) {
	var frame [stackFrame]byte
	n := min(size, stackFrame)
	fill(frame[:n])
	if size > n {
		descend(size-n, ready, end)
		return
	}
	ready <- struct{}{}
	<-end
}

func (b stackBlock) release() error {
	close(b.end)
	b.running.Wait()
	return nil
}
