package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/internal/sys"
	"oomcage/harness/outcome"
)

func readMemory(g *cgroup.Group) (outcome.Memory, error) {
	var m outcome.Memory
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
		return outcome.Memory{}, err
	}
	if m.Events, err = readEvents(g, "memory.events"); err != nil {
		return outcome.Memory{}, err
	}
	m.Events = m.Events.AtLeast(m.EventsLocal)
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
	e, err := outcome.ReadEvents(raw)
	if err != nil {
		return Events{}, fmt.Errorf("read %s: %w", file, err)
	}
	return e, nil
}

// readBaseline reads what Predict needs. The machine's properties do not change during a run.
func readBaseline(g *cgroup.Group) (outcome.Baseline, error) {
	room, cache, err := readRoom(g)
	if err != nil {
		return outcome.Baseline{}, err
	}
	// memory.stat is flushed first, so that what was charged meanwhile is not counted twice.
	stat, err := g.ReadKeyed("memory.stat")
	if err != nil {
		return outcome.Baseline{}, err
	}
	current, err := g.ReadSize("memory.current")
	if err != nil {
		return outcome.Baseline{}, err
	}
	return outcome.Baseline{
		Current:  Bytes(current),
		File:     Bytes(stat["file"] - min(stat["file"], stat["shmem"])),
		Slab:     Bytes(stat["slab_reclaimable"]),
		PageSize: Bytes(os.Getpagesize()),
		CPUs:     sys.OnlineCPUs(),
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

// readPressure fails where nothing is measured: zero would say that there was no pressure.
func readPressure(g *cgroup.Group) (outcome.Pressure, error) {
	// Linux 6.1 and later hide memory.pressure of a cgroup where it is off (cgroup_pressure_write in
	// kernel/cgroup/cgroup.c); a reader that has it open gets what was measured before.
	if on, err := g.ReadSize("cgroup.pressure"); err == nil && on == 0 {
		return outcome.Pressure{}, errors.New("it is switched off for this cgroup (cgroup.pressure is 0)")
	}
	p, err := g.ReadPressure()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.EOPNOTSUPP) {
		return outcome.Pressure{}, fmt.Errorf("this kernel does not measure it (pressure stall information): boot with psi=1: %w", err)
	}
	return outcome.Pressure(p), err
}
