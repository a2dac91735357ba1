package harness

import "oomcage/harness/internal/cgroup"

// maxChanges bounds what a line of results has of a limit that changes on and on, as an operator may do
// it: the last change then stands for all that followed.
const maxChanges = 8

// The limits of the cage that are read again: those that a verdict names with each sample, and the
// others at the end. Of the cgroups above it is memory.max.
var (
	sampledLimits = []string{"memory.max", "memory.high", "memory.swap.max"}
	finalLimits   = append(sampledLimits[:len(sampledLimits):len(sampledLimits)], "memory.low", "memory.min", "memory.oom.group")
)

// limitKey is a limit's place.
type limitKey struct{ group, file string }

// limitReading is one reading of a limit.
type limitReading struct {
	limitKey
	size Bytes
}

// readLimits reads limits of a cgroup. What cannot be read is left out: a kernel without swap accounting
// has no memory.swap.max.
func readLimits(g *cgroup.Group, files []string) []limitReading {
	var limits []limitReading
	for _, file := range files {
		if size, err := g.ReadSize(file); err == nil {
			limits = append(limits, limitReading{limitKey{g.Name(), file}, Bytes(size)})
		}
	}
	return limits
}

// limitsOf are a cgroup's limits.
func limitsOf(read []limitReading, group string) Limits {
	l := Limits{Swap: Unlimited}
	for _, r := range read {
		if r.group != group {
			continue
		}
		size := r.size
		switch r.file {
		case "memory.swap.max":
			l.Swap = size
		case "memory.oom.group":
			l.OOMGroup = size == 1
		case "memory.low":
			l.Low = size
		case "memory.min":
			l.Min = size
		case "memory.max":
			l.Max = setOr0(size)
		case "memory.high":
			l.High = setOr0(size)
		}
	}
	return l
}

// setOr0 is 0 for the kernel's default of no limit, as Limits have it.
func setOr0(size Bytes) Bytes {
	if size == Unlimited {
		return 0
	}
	return size
}
