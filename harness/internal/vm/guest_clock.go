package vm

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// A kernel measures the frequency of its local APIC's timer once, for 0.1 s, against the time-stamp counter.
// Where the machine has a PIT or a PM timer it checks the result; microvm, which is "hardware-reduced" in ACPI's
// words, has neither for it (calibrate_APIC_clock). While the host keeps QEMU from running, both clocks go on: if
// that begins within the first 4 ms, and lasts longer than the rest, the kernel takes all its readings at one
// moment, finds "APIC frequency too slow, disabling apic timer", and then has no timer at all. It still starts init,
// and stops for ever at the first sleep. If it happens at the end, every timer is late by a factor. QEMU's
// timer runs at 1 GHz, so a wrong result is seen. It cannot be mended from inside, but nothing has run yet.
const (
	apicHz      = 1_000_000_000
	apicDivisor = 16 // APIC_DIVISOR: what the kernel lets the timer count

	// Measured in three boots at load 18 to 30 on 2 cores: 0.93 to 1.005 (November 2026). Late timers make each sleep longer by
	// the factor; early ones only cost interrupts.
	latestTimer, earliestTimer = 1.5, 0.1
)

// machineFlaw says in what this machine is not the one that it should be, or "".
func machineFlaw(j job) string {
	if !j.Emulated {
		return "" // with KVM the timer's deadline is given in ticks of the counter
	}
	list, err := os.ReadFile("/proc/timer_list")
	if err != nil {
		return "" // nothing is known against it
	}
	return timerFlaw(list)
}

// timerFlaw judges /proc/timer_list: a clock event device counts mult/2^shift times in a nanosecond.
func timerFlaw(list []byte) string {
	const format = "its kernel took the timer of the CPUs to run at %.4g times its frequency"
	_, device, found := bytes.Cut(list, []byte("\nClock Event Device: lapic\n"))
	mult, err := numberAfter(device, " mult:")
	shift, err2 := numberAfter(device, " shift:")
	if !found || err != nil || err2 != nil {
		return "" // another device, or a list of another form
	}
	factor := float64(mult) / float64(uint64(1)<<min(shift, 63)) * 1e9 * apicDivisor / apicHz
	if factor > latestTimer || factor < earliestTimer {
		return fmt.Sprintf(format, factor)
	}
	return ""
}

// numberAfter is the number that follows the first mark.
func numberAfter(text []byte, mark string) (uint64, error) {
	_, rest, _ := bytes.Cut(text, []byte(mark))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	return strconv.ParseUint(string(bytes.TrimSpace(line)), 10, 32)
}
