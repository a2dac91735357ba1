package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/containerd/cgroups/v3/cgroup2"
	"golang.org/x/sys/unix"

	"oomcage/harness/internal/cgroup"
)

// ErrNotSupported is wrapped by the errors that say that cages cannot be made here: no root, no
// cgroup v2, no memory controller, a read-only mount. Each names what was found and the
// command that helps. Tests skip on it, and on nothing else.
var ErrNotSupported = cgroup.ErrNotSupported

// closeTimeout bounds the killing and removal of a cage. 20 processes are gone within 0.6 s
// under emulation (2026-11); the rest is for large ones and busy machines. A process that is
// stuck in the kernel never leaves.
const closeTimeout = 30 * time.Second

// Cage is a cgroup with limits, made for one run. Its zero value is of no use: call NewCage.
// Its methods may be called from several goroutines.
type Cage struct {
	group   *cgroup.Group
	run     *runRef
	limits  Limits
	address *reservation

	mu        sync.Mutex
	processes []*Process
	closed    bool
	closeErr  error
}

// NewCage makes a cage below the guard, writes its limits and reads them back. The caller
// closes it. The error wraps ErrNotSupported where cages cannot be made.
func NewCage(ctx context.Context, l Limits) (*Cage, error) {
	if err := l.validate(); err != nil {
		return nil, err
	}
	run, err := acquireRun(ctx)
	if err != nil {
		return nil, err
	}
	c, err := newCage(ctx, run, l)
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
			tb.Error(err)
		}
	})
	return c
}

// giveUp skips where cages are not supported and need not be, and fails otherwise.
func giveUp(tb testing.TB, err error) {
	tb.Helper()
	if errors.Is(err, ErrNotSupported) && os.Getenv("OOMCAGE_STRICT") != "1" {
		tb.Skip(err)
	}
	tb.Fatal(err)
}

func newCage(ctx context.Context, run *runRef, l Limits) (*Cage, error) {
	group, err := run.group.Child("cage-" + strconv.FormatUint(run.next.Add(1), 10))
	if err != nil {
		return nil, fmt.Errorf("make a cage: %w", err)
	}
	c := &Cage{group: group, run: run}
	if c.limits, err = setLimits(group, l); err == nil {
		c.address, err = reserve()
	}
	if err != nil {
		return nil, errors.Join(err, group.Remove(ctx))
	}
	return c, nil
}

// Limits returns the limits as the kernel has taken them: rounded down to a page. A limit that
// was left at the kernel's default is 0 here as well.
func (c *Cage) Limits() Limits { return c.limits }

// Path is the cage's directory in the cgroup file system.
func (c *Cage) Path() string { return c.group.Path() }

// Addr is the address that is reserved for targets of this cage, "127.0.0.1:port".
func (c *Cage) Addr() string { return c.address.addr() }

func (c *Cage) eventsFile() string { return filepath.Join(c.group.Path(), "memory.events") }

// Memory reads the cage's memory.current, memory.peak, memory.swap.current and its counters.
func (c *Cage) Memory() (Memory, error) {
	m, err := readMemory(c.group)
	if err != nil {
		return Memory{}, fmt.Errorf("read the cage %s: %w", c.group.Path(), err)
	}
	return m, nil
}

// Close kills every process in the cage, waits until the kernel reports it empty, and removes
// it. Closing it again returns the same result. A cage that cannot be removed is an error that
// names what is still in it.
func (c *Cage) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.closeErr
	}
	c.closed = true
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := c.group.Remove(ctx)
	for _, p := range c.processes {
		err = errors.Join(err, p.finish(ctx))
	}
	err = errors.Join(err, c.address.close(), c.run.release())
	if err != nil {
		err = fmt.Errorf("close the cage %s: %w", c.group.Path(), err)
	}
	c.closeErr = err
	openCages.remove(c)
	return err
}

// setLimits writes the limits and returns them as the kernel reads them back.
func setLimits(g *cgroup.Group, l Limits) (Limits, error) {
	m := &cgroup2.Memory{}
	for _, f := range l.sizes() {
		if *f.size != 0 {
			*f.field(m) = (*int64)(f.size)
		}
	}
	if l.OOMGroup {
		m.OOMGroup = &l.OOMGroup
	}
	hasSwap, err := swapAccounted(g)
	if err != nil {
		return Limits{}, err
	}
	if hasSwap {
		m.Swap = (*int64)(&l.Swap)
	} else if l.Swap != 0 {
		return Limits{}, fmt.Errorf("%w: set memory.swap.max of %s: the file is missing; a kernel with swap accounting is needed: boot with swapaccount=1",
			ErrNotSupported, g.Path())
	}
	if err := g.SetMemory(m); err != nil {
		return Limits{}, err
	}
	got := l
	for _, f := range append(got.sizes(), sizeFile{"memory.swap.max", &got.Swap, nil}) {
		if *f.size == 0 && (f.file != "memory.swap.max" || !hasSwap) {
			continue
		}
		if err := readBack(g, f); err != nil {
			return Limits{}, err
		}
	}
	if l.OOMGroup {
		n, err := g.ReadSize("memory.oom.group")
		if err != nil {
			return Limits{}, err
		}
		if n != 1 {
			return Limits{}, fmt.Errorf("set memory.oom.group of %s: wrote 1 and read back %d", g.Path(), n)
		}
	}
	for file, value := range l.Files {
		if err := g.Write(file, value); err != nil {
			return Limits{}, fmt.Errorf("set %s of the cage: %w", file, err)
		}
	}
	return got, nil
}

type sizeFile struct {
	file  string
	size  *Bytes
	field func(*cgroup2.Memory) **int64
}

// sizes are the limits that 0 leaves at the kernel's default.
func (l *Limits) sizes() []sizeFile {
	return []sizeFile{
		{"memory.min", &l.Min, func(m *cgroup2.Memory) **int64 { return &m.Min }},
		{"memory.low", &l.Low, func(m *cgroup2.Memory) **int64 { return &m.Low }},
		{"memory.high", &l.High, func(m *cgroup2.Memory) **int64 { return &m.High }},
		{"memory.max", &l.Max, func(m *cgroup2.Memory) **int64 { return &m.Max }},
	}
}

// readBack replaces the size by what the kernel has made of it, which is the size rounded
// down to a page. Anything else means that the limit is not in force.
func readBack(g *cgroup.Group, f sizeFile) error {
	n, err := g.ReadSize(f.file)
	if err != nil {
		return err
	}
	got, page := Bytes(n), Bytes(os.Getpagesize())
	if want := *f.size - *f.size%page; got != want && !(*f.size >= Unlimited-page && got == Unlimited) {
		return fmt.Errorf("set %s of %s: wrote %d and read back %d", f.file, g.Path(), *f.size, got)
	}
	*f.size = got
	return nil
}

// swapAccounted tells whether the cage can limit swap. Without accounting, a machine that has
// swap must be refused: what was to be killed would be swapped out instead.
func swapAccounted(g *cgroup.Group) (bool, error) {
	_, err := os.Stat(g.Path() + "/memory.swap.max")
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("look for memory.swap.max: %w", err)
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return false, fmt.Errorf("look for swap: %w", err)
	}
	if info.Totalswap > 0 {
		return false, fmt.Errorf("%w: this machine has swap, and its kernel does not account it to cgroups; one that does is needed: boot with swapaccount=1, or swapoff -a",
			ErrNotSupported)
	}
	return false, nil
}
