package manifest

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"oomcage/harness/outcome"
)

// Node is the machine where the manifest is in force, so far as limits depend on it: shares of its memory, and how its kubelet
// is set up. A limit of a cage is the same number on any machine that way.
type Node struct {
	// Memory is the machine's memory: MemTotal of /proc/meminfo there. Shares are of it.
	Memory outcome.Bytes

	// Swap is the machine's swap: SwapTotal of /proc/meminfo.
	Swap outcome.Bytes

	// Allocatable is status.allocatable.memory of the node, which MemoryQoS throttles by where a container has no limit.
	// 0: Memory.
	Allocatable outcome.Bytes

	// LimitedSwap is the kubelet's memorySwap.swapBehavior: LimitedSwap gives Burstable pods a share of the swap. The kubelet's
	// default is NoSwap.
	LimitedSwap bool

	// ThrottlingFactor is the kubelet's memoryThrottlingFactor, where its feature gate MemoryQoS is on: 0.9 by default. 0: the
	// gate is off, as it is by default.
	ThrottlingFactor float64

	// SingleProcessOOMKill is the kubelet's singleProcessOOMKill: an OOM kill takes one process, and not the container. The
	// kubelet's default on cgroup v2 is false since 1.28, when it began to set memory.oom.group; the setting is of 1.32.
	SingleProcessOOMKill bool

	// PageSize is what memory.high is a multiple of. 0: 4096.
	PageSize outcome.Bytes

	// Guest says that Memory is that of the microVM this runs in, and nobody has said how much the machine has that is meant:
	// shares of it are refused, and what else depends on it is among Settings.Lost.
	Guest bool
}

// Validate says what of the node makes no sense.
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

// ThisNode is this machine, with a kubelet as it is by default. In the microVM of oomcage it is a Guest.
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

func (n Node) allocatable() outcome.Bytes {
	if n.Allocatable > 0 {
		return n.Allocatable
	}
	return n.Memory
}

func (n Node) pageSize() outcome.Bytes {
	if n.PageSize > 0 {
		return n.PageSize
	}
	return 4096
}
