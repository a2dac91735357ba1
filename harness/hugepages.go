package harness

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Whether a process gets transparent huge pages is a flag of its memory, which the kernel copies from the process that executes it
// (PR_SET_THP_DISABLE of prctl(2)). So a harness that starts a target without them is without for that time, and starts no
// other target meanwhile, nor a container, which podman's children execute.
var hugePages sync.RWMutex

// startWithoutHugePages calls start, and what that executes gets no transparent huge pages.
func startWithoutHugePages(start func() error) error {
	hugePages.Lock()
	defer hugePages.Unlock()
	before, err := unix.PrctlRetInt(unix.PR_GET_THP_DISABLE, 0, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0)
	}
	if err != nil {
		return fmt.Errorf("start it without transparent huge pages: %w", err)
	}
	return errors.Join(start(), unix.Prctl(unix.PR_SET_THP_DISABLE, uintptr(before&1), uintptr(before&^1), 0, 0)) // from Linux 6.18 on it has flags
}

// startWithHugePages calls start while none is started without.
func startWithHugePages(start func() error) error {
	hugePages.RLock()
	defer hugePages.RUnlock()
	return start()
}
