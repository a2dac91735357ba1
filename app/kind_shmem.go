package main

import (
	"fmt"
	"syscall"
)

// mapping is memory that was mapped without a file, and belongs to no heap.
type mapping []byte

// takeShmem maps shared memory and writes it. Shared memory without a file lies on
// a tmpfs inside the kernel: memory.stat counts it as shmem, and as file too.
func takeShmem(size int64) (block, error) {
	b, err := mapMemory(size, syscall.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	fill(b)
	return b, nil
}

// mapMemory maps size bytes, none of them written.
func mapMemory(size int64, flags int) (mapping, error) {
	b, err := syscall.Mmap(-1, 0, int(size), syscall.PROT_READ|syscall.PROT_WRITE, flags|syscall.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes: %w", size, err)
	}
	return b, nil
}

func (b mapping) release() error {
	if err := syscall.Munmap(b); err != nil {
		return fmt.Errorf("unmap %d bytes: %w", len(b), err)
	}
	return nil
}
