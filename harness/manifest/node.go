package manifest

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"oomcage/harness/outcome"
)

// Node is the machine on which the manifest is in force, as far as limits depend on it: its memory, and how its kubelet is set up.
// So the limits that are read do not depend on the machine that reads them. The zero value lacks Memory; everything else at zero is
// the kubelet's default.
type Node struct {
	// Memory is the machine's memory: MemTotal of its /proc/meminfo. Limits in percent are parts of it. It must be above 0.
	Memory outcome.Bytes

	// Swap is the machine's swap: SwapTotal of its /proc/meminfo. 0: it has none.
	Swap outcome.Bytes

	// Allocatable is status.allocatable.memory of the node. MemoryQoS computes memory.high from it where a container has no limit.
	// 0: as much as Memory.
	Allocatable outcome.Bytes

	// LimitedSwap is the kubelet's memorySwap.swapBehavior: LimitedSwap gives Burstable pods a share of the swap. The kubelet's
	// default is NoSwap.
	LimitedSwap bool

	// ThrottlingFactor is the kubelet's memoryThrottlingFactor, from 0 to 1, where the feature gate MemoryQoS is on; the kubelet has
	// 0.9 unless it is told otherwise. 0: the gate is off, as it is by default.
	ThrottlingFactor float64

	// SingleProcessOOMKill is the kubelet's singleProcessOOMKill: an OOM kill takes one process, and not the container. The
	// kubelet's default on cgroup v2 is false since 1.28, when it began to set memory.oom.group; the setting is of 1.32.
	SingleProcessOOMKill bool

	// PageSize is the size of the machine's pages: memory.high, and limits in percent, are rounded down to one. 0: 4096 bytes.
	PageSize outcome.Bytes

	// Guest is set where Memory is that of the microVM in which this runs, as nobody has said how much the node has. Limits in
	// percent are refused then (ErrGuest), and Settings.Lost says what else depends on it.
	Guest bool
}

// ErrGuest is the error of a limit in percent where the Node is a Guest.
var ErrGuest = errors.New("a share is of the machine's memory, and this is a microVM: say how much the machine has that is meant")

// Validate returns an error that says what makes no sense in the node.
func (n Node) Validate() error {
	switch {
	case n.Memory <= 0:
		return errors.New("the node has no memory: give how much it has")
	case n.Swap < 0:
		return fmt.Errorf("the node's swap is %d: it must not be negative", n.Swap)
	case n.Allocatable < 0 || n.Allocatable > n.Memory:
		return fmt.Errorf("the node's allocatable memory is %v, and its memory %v: it is a part of that", n.Allocatable, n.Memory)
	case math.IsNaN(n.ThrottlingFactor) || n.ThrottlingFactor < 0 || n.ThrottlingFactor > 1:
		return fmt.Errorf("memoryThrottlingFactor is %v: it is above 0, and 1 at most, as 0.9", n.ThrottlingFactor)
	}
	return nil
}

// ThisNode returns this machine, with a kubelet as it is by default. In the microVM of oomcage it is a Guest. It is an error where
// there is no /proc/meminfo, as on any system but Linux.
func ThisNode() (Node, error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return Node{}, fmt.Errorf("read how much memory this machine has: %w", err)
	}
	defer f.Close()
	n := Node{PageSize: outcome.Bytes(os.Getpagesize()), Guest: os.Getenv("OOMCAGE_VM") != ""}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		kib, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			continue
		}
		switch fields[0] {
		case "MemTotal:":
			n.Memory = outcome.Bytes(kib) * outcome.KiB
		case "SwapTotal:":
			n.Swap = outcome.Bytes(kib) * outcome.KiB
		}
	}
	if n.Memory == 0 {
		return Node{}, errors.New("read how much memory this machine has: /proc/meminfo has no MemTotal")
	}
	return n, nil
}

func (n Node) allocatable() outcome.Bytes { return cmp.Or(n.Allocatable, n.Memory) }

func (n Node) pageSize() outcome.Bytes { return cmp.Or(n.PageSize, 4096) }
