package main

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// takeMlock locks memory that nothing has touched yet, so that the kernel charges
// all of it within one system call, unevictable, as anon. It is written afterwards.
func takeMlock(size int64) (block, error) {
	b, err := mapMemory(size, syscall.MAP_PRIVATE)
	if err != nil {
		return nil, err
	}
	if err := syscall.Mlock(b); err != nil {
		return nil, errors.Join(explainMlock(size, err), b.release())
	}
	fill(b)
	return b, nil
}

// explainMlock adds the limit to what the kernel answers when it is exceeded: ENOMEM
// or, when the limit is 0, EPERM.
func explainMlock(size int64, err error) error {
	err = fmt.Errorf("lock %d bytes: %w", size, err)
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit) != nil || limit.Cur == unix.RLIM_INFINITY {
		return err
	}
	return fmt.Errorf("%w (RLIMIT_MEMLOCK is %d bytes for all that is locked: raise it with ulimit -l, or give CAP_IPC_LOCK)", err, limit.Cur)
}
