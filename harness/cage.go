package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
)

// ErrNotSupported is wrapped by the errors that say that cages cannot be made here: no root, no
// cgroup v2, no memory controller, a read-only mount. Each names what was found and the
// command that helps. Tests skip on it, and on nothing else.
var ErrNotSupported = cgroup.ErrNotSupported

// Supported reports whether this process can make cages here, and makes nothing: nil, or an error that wraps
// ErrNotSupported. Ask before what takes long.
func Supported() error { return cgroup.Supported() }

// Cage is a cgroup with limits. Its zero value is of no use: call NewCage, or Child of another
// cage. Its methods may be called from several goroutines.
type Cage struct {
	group   *cgroup.Group
	run     *runRef
	parent  *Cage  // nil without one
	asked   Limits // as the caller gave them
	limits  Limits // as the kernel has taken them
	address *reservation

	// watch is cgroup.Watch, except where a test loses the kernel's notifications.
	watch func(file string) (changed <-chan struct{}, stop func(), err error)

	mu        sync.Mutex
	delegated bool          // it may have children, and no processes of its own
	leaf      *cgroup.Group // of its own targets then; nil before the first
	children  []*Cage
	processes []*Process
	contained bool           // it is for a container, and has nothing else
	container *cgroup.Group  // that of the last container, which may be gone; nil before the first
	starting  int            // targets that are being executed
	started   chan struct{}  // closed when there are none; nil while nobody waits for that
	closed    bool           // or being closed
	made      []limitReading // the limits before the first run

	emptied func() // called when the cage is closed and nothing runs in it any more; nil calls nothing

	closing  sync.Once
	closeErr error // set by closing
}

// NewCage makes a cage below the guard, writes its limits and reads them back. The caller
// closes it. The error wraps ErrNotSupported where cages cannot be made.
func NewCage(ctx context.Context, l Limits) (*Cage, error) {
	if err := validate(l); err != nil {
		return nil, err
	}
	run, err := acquireRun(ctx)
	if err != nil {
		return nil, explainDescriptors(err)
	}
	c, err := newCage(ctx, run, run.group.Group, "cage-"+strconv.FormatUint(run.next.Add(1), 10), l)
	if err != nil {
		return nil, errors.Join(err, run.release())
	}
	openCages.add(c)
	return c, nil
}

// NewCageT makes a cage that is closed when the test ends. It skips the test where cages cannot
// be made, unless OOMCAGE_STRICT=1, and fails it on any other error.
func NewCageT(tb testing.TB, l Limits) *Cage {
	tb.Helper()
	c, err := NewCage(tb.Context(), l)
	if err != nil {
		giveUp(tb, err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(printable.Lines(err.Error()))
		}
	})
	return c
}

// giveUp skips where cages are not supported and need not be, and fails otherwise.
func giveUp(tb testing.TB, err error) {
	tb.Helper()
	if errors.Is(err, ErrNotSupported) && os.Getenv("OOMCAGE_STRICT") != "1" {
		tb.Skip(printable.Lines(err.Error()))
	}
	tb.Fatal(printable.Lines(err.Error()))
}

func newCage(ctx context.Context, run *runRef, parent *cgroup.Group, name string, l Limits) (*Cage, error) {
	group, err := parent.Child(name)
	if err != nil {
		return nil, fmt.Errorf("make a cage: %w", err)
	}
	c := &Cage{group: group, run: run, asked: l, watch: cgroup.Watch}
	if c.limits, err = setLimits(group, l); err == nil {
		c.address, err = reserve(run.group.Numbers)
	}
	if err != nil {
		return nil, errors.Join(explainDescriptors(err), group.Remove(ctx))
	}
	return c, nil
}

// Limits returns the limits as the kernel has taken them: rounded down to a page. A limit that
// was left at the kernel's default is 0 here as well.
func (c *Cage) Limits() Limits {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.limits
}

// Max reads memory.max as it is in force now: a schedule, or an operator, may have moved it since Limits were taken.
func (c *Cage) Max() (Bytes, error) {
	size, err := c.group.ReadSize("memory.max")
	if err != nil {
		return 0, fmt.Errorf("read the cage %s: %w", c.group.Path(), err)
	}
	return Bytes(size), nil
}

// asMade are the cage's limits before its first run, of which these are a reading or it was before.
func (c *Cage) asMade(now []limitReading) []limitReading {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil {
		c.made = slices.DeleteFunc(slices.Clone(now), func(r limitReading) bool { return r.group != c.group.Name() })
	}
	return c.made
}

// Path is the cage's directory in the cgroup file system.
func (c *Cage) Path() string { return c.group.Path() }

// Addr is the address that is reserved for targets of this cage, "127.0.0.1:port". Each child
// has another one: give a Child to each of several servers that run at once.
func (c *Cage) Addr() string { return c.address.addr() }

// Room is how much this cage and those beside it may hold together: the smallest memory.max above this one,
// which is the guard's over all cages, unless a parent cage or a container has less.
func (c *Cage) Room() (Bytes, error) {
	room := Unlimited
	for _, up := range c.group.Ancestors() {
		size, err := up.ReadSize("memory.max")
		if errors.Is(err, fs.ErrNotExist) {
			continue // above the guard, a cgroup need not have the controller
		}
		if err != nil {
			return 0, err
		}
		room = min(room, Bytes(size))
	}
	return room, nil
}

func (c *Cage) eventsFile() string { return filepath.Join(c.group.Path(), "memory.events") }

// Memory reads the cage's memory.current, memory.peak, memory.swap.current and its counters. In a
// cage with children the kills are counted in EventsLocal of the cgroups below, where its own
// targets are too; Events has them all.
func (c *Cage) Memory() (outcome.Memory, error) {
	m, err := readMemory(c.group)
	if err != nil {
		return outcome.Memory{}, fmt.Errorf("read the cage %s: %w", c.group.Path(), err)
	}
	return m, nil
}

// MemoryStat reads what the cage's memory is used for. Its counters count since the cage was made.
func (c *Cage) MemoryStat() (outcome.MemoryStat, error) {
	raw, err := c.group.ReadKeyed("memory.stat")
	if err != nil {
		return outcome.MemoryStat{}, fmt.Errorf("read the cage %s: %w", c.group.Path(), err)
	}
	return outcome.ReadMemoryStat(raw), nil
}

// explainDescriptors adds to EMFILE what helps.
func explainDescriptors(err error) error {
	var limit unix.Rlimit
	if !errors.Is(err, unix.EMFILE) || unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return err
	}
	return fmt.Errorf("%w: all %d file descriptors of this process are in use: close some, or raise the limit: ulimit -n %d",
		err, limit.Cur, 2*limit.Cur)
}

// explainGone adds to an error about a cage's file that the cage is no more, and why.
func (c *Cage) explainGone(err error) error {
	if !cgroup.IsGone(err) {
		return err
	}
	if c.isClosed() { // its files go before its directory does
		return fmt.Errorf("the cage was closed during the run: %w", err)
	}
	if _, statErr := os.Stat(c.group.Path()); !errors.Is(statErr, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("the cage is gone, and the harness has not removed it; nothing else may manage the cgroups below %s: %w",
		filepath.Dir(c.group.Path()), err)
}
