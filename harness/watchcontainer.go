package harness

import (
	"context"
	"fmt"
	"strings"
	"syscall"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/internal/engine"
	"oomcage/harness/outcome"
)

// watchedContainer is one of podman's or docker's.
type watchedContainer struct {
	engine.Container
	name string // as it was asked for
}

// findContainer looks for a container that runs.
func findContainer(ctx context.Context, by, name string) (*watchedContainer, error) {
	found, err := engine.Look(ctx, by, name)
	if err != nil {
		return nil, err
	}
	if found.PID == 0 {
		return nil, fmt.Errorf("the container %s does not run: it is %s; start it first: %s start %s", name, found.Status, found.Engine, name)
	}
	return &watchedContainer{found, name}, nil
}

// group is the cgroup that has the container's limits. Its init may be in one below that, which the runtime has made.
func (c *watchedContainer) group() (*cgroup.Group, error) {
	if c.Cgroup != "" {
		return counting(c.Cgroup)
	}
	g, err := cgroup.OfProcess(c.PID)
	if err != nil {
		return nil, fmt.Errorf("find the cgroup of the container %s: %w", c.name, err)
	}
	for _, at := range append([]*cgroup.Group{g}, g.Ancestors()...) {
		if strings.Contains(at.Name()[strings.LastIndex(at.Name(), "/"):], c.ID) {
			return at.Charged()
		}
	}
	return nil, fmt.Errorf("%s says that process %d is that of the container %s, and that is in the cgroup %s, which is none of a container of the ID %.12s",
		c.Engine, c.PID, c.name, g.Name(), c.ID)
}

// hasStarted is never asked.
func (c *watchedContainer) hasStarted(context.Context, int) bool { return false }

// startsAgain is false: an engine starts a container again in a new cgroup, when it has cleaned up the old one.
func (c *watchedContainer) startsAgain(context.Context) bool { return false }

// restarts is of no use for the same reason.
func (c *watchedContainer) restarts(context.Context) (int, bool) { return 0, false }

// exit asks the engine. Where it says 137, nobody knows whether that is a SIGKILL or an exit code.
func (c *watchedContainer) exit(ctx context.Context, pid int) (outcome.ExitStatus, bool) {
	if pid != c.PID {
		return outcome.ExitStatus{}, false
	}
	now, err := engine.Look(ctx, c.Engine, c.ID)
	if err != nil || now.PID != 0 || now.Status == "running" {
		return outcome.ExitStatus{}, false
	}
	const signalled = 128
	if now.ExitCode == signalled+int(syscall.SIGKILL) {
		return outcome.ExitStatus{}, false
	}
	return outcome.ExitStatus{Ended: true, Code: now.ExitCode}, true
}
