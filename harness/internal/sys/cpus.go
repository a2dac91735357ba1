package sys

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// OnlineCPUs counts the machine's CPUs.
func OnlineCPUs() int { return onlineCPUs("/sys/devices/system/cpu/online") }

// onlineCPUs counts the machine's CPUs. It is not runtime.NumCPU, which counts those that the
// harness itself may use, and stands in where the list cannot be read.
func onlineCPUs(path string) int {
	list, _ := os.ReadFile(path)
	if n, ok := countCPUs(string(list)); ok {
		return n
	}
	return runtime.NumCPU()
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
