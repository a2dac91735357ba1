package main

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"syscall"

	"github.com/docker/go-units"
)

// sizeForm is stricter than go-units, whose numbers are whatever
// strconv.ParseFloat takes: it would read 1e3, 0x1p20 and "NaN b".
var sizeForm = regexp.MustCompile(`^(-?[0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)$`)

// parseSize reads a size as units.RAMInBytes does (20MiB, 20M and 20m are all
// 20971520; a bare number is bytes; a fraction of a byte is dropped) and returns
// bytes between 1 and maxSize. Unlike RAMInBytes it takes plain decimal numbers
// only and cannot overflow. Its error says what was found and what is accepted.
func parseSize(s string, maxSize int64) (int64, error) {
	reject := func(why string) (int64, error) {
		return 0, fmt.Errorf("size %q is %s: give bytes (1048576) or a number with a unit (512KiB, 20MiB, 1.5G), from 1 byte to %s",
			s, why, units.BytesSize(float64(maxSize)))
	}
	form := sizeForm.FindStringSubmatch(s)
	if form == nil {
		return reject("not a plain decimal number with at most a unit")
	}
	// One of the unit, so that only the product has to be checked for overflow.
	unit, err := units.RAMInBytes("1" + form[2])
	if err != nil {
		return reject(fmt.Sprintf("in an unknown unit, %q", form[2]))
	}
	number, err := strconv.ParseFloat(form[1], 64)
	if err != nil && !math.IsInf(number, 0) {
		return reject("not a number")
	}
	switch size := number * float64(unit); {
	case size < 1:
		return reject("less than one byte")
	case size > float64(maxSize) || size >= math.MaxInt64: // maxSize as a float may be one more than an int64 holds
		return reject("more than this machine's RAM and swap together")
	default:
		return int64(size), nil
	}
}

// machineMemory returns the bytes of RAM and swap that this machine has in all.
// A single block above it could never be held, whatever the cage allows, and
// asking for it would only show how the Go runtime gives up on a huge
// allocation. So it is the bound of what a size may say. Blocks may add up to
// more: to run out of memory is what the service is for.
func machineMemory() (int64, error) {
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		return 0, fmt.Errorf("read how much memory this machine has: %w", err)
	}
	total := (uint64(info.Totalram) + uint64(info.Totalswap)) * uint64(info.Unit) //nolint:unconvert // uint32 on 32-bit machines
	return int64(min(total, math.MaxInt)), nil                                    // MaxInt: where int has 32 bits, no slice is longer
}
