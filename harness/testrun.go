package harness

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/internal/printable"
)

// The cages of this process share one cgroup, the test run's. It exists while a cage does, so
// that nothing is left when the last one is closed, whoever ends the process and how.
var current struct {
	sync.Mutex
	ref *runRef
}

// runRef counts the cages of the test run.
type runRef struct {
	group *cgroup.Run
	users int           // guarded by current
	next  atomic.Uint64 // the number of the last cage
}

func acquireRun(ctx context.Context) (*runRef, error) {
	current.Lock()
	defer current.Unlock()
	if sig := endingBy(); sig != nil {
		return nil, fmt.Errorf("make a cage: this process ends: %v", sig)
	}
	if current.ref == nil {
		group, left, err := cgroup.NewRun(ctx)
		for _, line := range left {
			fmt.Fprintln(os.Stderr, "oomcage:", printable.Line(line))
		}
		if err != nil {
			return nil, err
		}
		sayUnheld(group.Unheld)
		current.ref = &runRef{group: group}
	}
	current.ref.users++
	return current.ref, nil
}

var unheldSaid sync.Once

// sayUnheld tells once a process which limits do not hold its cages.
func sayUnheld(lines []string) {
	unheldSaid.Do(func() {
		for _, line := range lines {
			fmt.Fprintln(os.Stderr, "oomcage:", line)
		}
	})
}

// retain adds a cage below one of the run's. The caller has one of them open.
func (r *runRef) retain() {
	current.Lock()
	defer current.Unlock()
	r.users++
}

// releaseTimeout bounds the removal of the test run, for which other harnesses may have to be waited for, up to
// a minute.
const releaseTimeout = time.Minute + closeTimeout

func (r *runRef) release() error {
	current.Lock()
	defer current.Unlock()
	if r.users--; r.users > 0 {
		return nil
	}
	current.ref = nil
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	return r.group.Close(ctx)
}
