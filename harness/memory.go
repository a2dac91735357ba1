package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/cgroup"
)

// Events are the counters of memory.events: how often, since the cgroup was made (or, in
// Evidence, since the run began), it was protected (Low), throttled (High), at its limit
// (Max), out of memory (OOM), and how many of its processes an OOM killer, any OOM killer,
// has killed (OOMKill; OOMGroupKill counts groups).
type Events struct {
	Low          uint64 `json:"low"`
	High         uint64 `json:"high"`
	Max          uint64 `json:"max"`
	OOM          uint64 `json:"oom"`
	OOMKill      uint64 `json:"oom_kill"`
	OOMGroupKill uint64 `json:"oom_group_kill"`
}

// counters lists the kernel's names and where their values go, in the kernel's order.
func (e *Events) counters() []struct {
	name  string
	value *uint64
} {
	return []struct {
		name  string
		value *uint64
	}{
		{"low", &e.Low}, {"high", &e.High}, {"max", &e.Max},
		{"oom", &e.OOM}, {"oom_kill", &e.OOMKill}, {"oom_group_kill", &e.OOMGroupKill},
	}
}

// since returns what has been counted after before. A counter that fell is an error: the cgroup
// is not the one that was read before.
func (e Events) since(before Events) (Events, error) {
	var d Events
	to, from, out := e.counters(), before.counters(), d.counters()
	for i := range to {
		if *to[i].value < *from[i].value {
			return Events{}, fmt.Errorf("the counter %s fell from %d to %d", to[i].name, *from[i].value, *to[i].value)
		}
		*out[i].value = *to[i].value - *from[i].value
	}
	return d, nil
}

// plus adds the counters of two cgroups.
func (e Events) plus(more Events) Events {
	to, add := e.counters(), more.counters()
	for i := range to {
		*to[i].value += *add[i].value
	}
	return e
}

// atLeast raises the counters that are lower than those of a part.
func (e Events) atLeast(part Events) Events {
	to, from := e.counters(), part.counters()
	for i := range to {
		*to[i].value = max(*to[i].value, *from[i].value)
	}
	return e
}

// String prints the counters that are not zero, by the kernel's names: "max 24, oom 1, oom_kill 1".
func (e Events) String() string {
	var parts []string
	for _, c := range e.counters() {
		if *c.value != 0 {
			parts = append(parts, c.name+" "+strconv.FormatUint(*c.value, 10))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// Memory is one reading of a cage.
type Memory struct {
	Current     Bytes  `json:"current"`      // memory.current
	Peak        Bytes  `json:"peak"`         // memory.peak; 0 before Linux 5.19, which has none
	SwapCurrent Bytes  `json:"swap_current"` // memory.swap.current; 0 on kernels without swap accounting
	Events      Events `json:"events"`       // memory.events, the cgroups below included
	EventsLocal Events `json:"events_local"` // memory.events.local, this cgroup alone
}

func readMemory(g *cgroup.Group) (Memory, error) {
	var m Memory
	var err error
	size := func(to *Bytes, file string, optional bool) {
		if err != nil {
			return
		}
		n, readErr := g.ReadSize(file)
		if readErr != nil && !(optional && errors.Is(readErr, fs.ErrNotExist)) {
			err = readErr
			return
		}
		*to = Bytes(n)
	}
	// The counters first: a kill between the readings then shows in the next reading, and
	// never without the charge that led to it. Of these the local ones first, as the kernel counts
	// (memcg_memory_event): a kill between the two then shows in Events alone, as one below does.
	// What is counted in the one and not yet in the other has happened all the same.
	if m.EventsLocal, err = readEvents(g, "memory.events.local"); err != nil {
		return Memory{}, err
	}
	if m.Events, err = readEvents(g, "memory.events"); err != nil {
		return Memory{}, err
	}
	m.Events = m.Events.atLeast(m.EventsLocal)
	size(&m.Current, "memory.current", false)
	size(&m.Peak, "memory.peak", true)
	size(&m.SwapCurrent, "memory.swap.current", true)
	return m, err
}

func readEvents(g *cgroup.Group, file string) (Events, error) {
	raw, err := g.ReadKeyed(file)
	if err != nil {
		return Events{}, err
	}
	var e Events
	for _, c := range e.counters() {
		n, ok := raw[c.name]
		// oom_group_kill exists from Linux 5.17.
		if !ok && c.name != "oom_group_kill" {
			return Events{}, fmt.Errorf("read %s: it has no counter %s", file, c.name)
		}
		*c.value = n
	}
	return e, nil
}

// readSwapEvents returns zeros where the kernel does not account swap.
func readSwapEvents(g *cgroup.Group) (SwapEvents, error) {
	raw, err := g.ReadKeyed("memory.swap.events")
	if errors.Is(err, fs.ErrNotExist) {
		return SwapEvents{}, nil
	}
	return SwapEvents{High: raw["high"], Max: raw["max"], Fail: raw["fail"]}, err
}

// since returns what has been counted after before.
func (e SwapEvents) since(before SwapEvents) SwapEvents {
	return SwapEvents{
		High: e.High - min(e.High, before.High), Max: e.Max - min(e.Max, before.Max), Fail: e.Fail - min(e.Fail, before.Fail),
	}
}

// readBaseline reads what Predict needs. The machine's properties do not change during a run.
func readBaseline(g *cgroup.Group) (Baseline, error) {
	room, cache, err := readRoom(g)
	if err != nil {
		return Baseline{}, err
	}
	// memory.stat is flushed first, so that what was charged meanwhile is not counted twice.
	stat, err := g.ReadKeyed("memory.stat")
	if err != nil {
		return Baseline{}, err
	}
	current, err := g.ReadSize("memory.current")
	if err != nil {
		return Baseline{}, err
	}
	return Baseline{
		Current:  Bytes(current),
		File:     Bytes(stat["file"] - min(stat["file"], stat["shmem"])),
		Slab:     Bytes(stat["slab_reclaimable"]),
		PageSize: Bytes(os.Getpagesize()),
		CPUs:     onlineCPUs("/sys/devices/system/cpu/online"),
		HugePage: hugePageSize("/sys/kernel/mm/transparent_hugepage"),
		Room:     room, RoomCache: cache,
	}, nil
}

// readRoom returns how much is free above a cgroup, where it is least, and what can be taken back there. Zeros: there is
// no limit.
func readRoom(g *cgroup.Group) (room, cache Bytes, err error) {
	for _, up := range g.Ancestors() {
		limit, err := up.ReadSize("memory.max")
		if errors.Is(err, fs.ErrNotExist) || err == nil && Bytes(limit) == Unlimited {
			continue // a cgroup without the memory controller has no limit either
		}
		if err != nil {
			return 0, 0, err
		}
		current, err := up.ReadSize("memory.current")
		if err != nil {
			return 0, 0, err
		}
		stat, err := up.ReadKeyed("memory.stat")
		if err != nil {
			return 0, 0, err
		}
		free := Bytes(max(limit-current, 1))
		back := Bytes(stat["file"] - min(stat["file"], stat["shmem"]) + stat["slab_reclaimable"])
		if room == 0 || free+back < room+cache {
			room, cache = free, back
		}
	}
	return room, cache, nil
}

// onlineCPUs counts the machine's CPUs. It is not runtime.NumCPU, which counts those that the
// harness itself may use, and stands in where the list cannot be read.
func onlineCPUs(path string) int {
	b, err := os.ReadFile(path)
	if err != nil {
		return runtime.NumCPU()
	}
	n, ok := countCPUs(string(b))
	if !ok {
		return runtime.NumCPU()
	}
	return n
}

// countCPUs counts a list such as "0-3,8": ranges that ascend, as the kernel prints a cpumask
// (%*pbl in Documentation/core-api/printk-formats.rst).
func countCPUs(list string) (n int, ok bool) {
	next := uint64(0)
	for part := range strings.SplitSeq(strings.TrimSuffix(list, "\n"), ",") {
		lo, hi, isRange := strings.Cut(part, "-")
		if !isRange {
			hi = lo
		}
		first, err := strconv.ParseUint(lo, 10, 31)
		if err != nil || first < next {
			return 0, false
		}
		last, err := strconv.ParseUint(hi, 10, 31)
		if err != nil || last < first {
			return 0, false
		}
		n += int(last - first + 1)
		next = last + 1
	}
	return n, true
}

// hugePageSize is 0 unless page faults take huge pages without being asked ("[always]").
func hugePageSize(dir string) Bytes {
	enabled, err := os.ReadFile(dir + "/enabled")
	if err != nil || !strings.Contains(string(enabled), "[always]") {
		return 0
	}
	size, err := os.ReadFile(dir + "/hpage_pmd_size")
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(size)), 10, 64)
	if err != nil {
		return 0
	}
	return Bytes(n)
}

// Pressure is how long tasks of the cage stalled for want of memory: Some of them, or all of
// them at once (Full). The source is memory.pressure (Documentation/accounting/psi.rst).
type Pressure struct {
	Some time.Duration `json:"some"`
	Full time.Duration `json:"full"`
}

// since returns what has been lost after before.
func (p Pressure) since(before Pressure) Pressure {
	return Pressure{Some: p.Some - min(p.Some, before.Some), Full: p.Full - min(p.Full, before.Full)}
}

// readPressure fails where nothing is measured: zero would say that there was no pressure.
func readPressure(g *cgroup.Group) (Pressure, error) {
	// Linux 6.1 and later hide memory.pressure of a cgroup where it is off (cgroup_pressure_write in
	// kernel/cgroup/cgroup.c); a reader that has it open gets what was measured before.
	if on, err := g.ReadSize("cgroup.pressure"); err == nil && on == 0 {
		return Pressure{}, errors.New("it is switched off for this cgroup (cgroup.pressure is 0)")
	}
	p, err := g.ReadPressure()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.EOPNOTSUPP) {
		return Pressure{}, fmt.Errorf("this kernel does not measure it (pressure stall information): boot with psi=1: %w", err)
	}
	return Pressure(p), err
}
