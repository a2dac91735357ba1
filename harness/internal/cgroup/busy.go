package cgroup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// whileBusy repeats what the kernel refuses with EBUSY, until it does not, or inUse says that it will not. A process whose end its
// parent has been told of is listed nowhere, and is in its cgroup for a moment all the same: since Linux 6.19 until it is switched off
// its CPU (cgroup_task_dead in kernel/cgroup/cgroup.c). Of an empty cgroup RCU drops the last reference only later.
func whileBusy(ctx context.Context, do func() error, inUse func() bool) error {
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := do()
		if !errors.Is(err, unix.EBUSY) || inUse() {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// errBusy is why whileBusy gives up.
var errBusy = fmt.Errorf("after %v, and no process is listed in it: one that has ended is held up in the kernel; try again later", removeTimeout)

// leaving is the time that processes which have ended may take to leave a cgroup.
func leaving() (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.Background(), removeTimeout, errBusy)
}

// inUse reports whether the kernel lists a process in g itself, or does not say.
func (g *Group) inUse() bool {
	pids, err := g.members()
	return err != nil || len(pids) > 0
}
