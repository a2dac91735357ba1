// Package human writes sizes, times and counts for people. Where each byte matters, outcome.Bytes prints it.
package human

import (
	"fmt"
	"math"
	"time"
)

const kib, mib, gib = 1 << 10, 1 << 20, 1 << 30

// unit is the one in which a size is read with ease. A tenth of a GiB is too coarse where processes are killed, so
// GiB are for machines, and for what is whole in them.
func unit(n int64) (size int64, name string) {
	switch {
	case n < kib:
		return 1, "B"
	case n < mib:
		return kib, "KiB"
	case n < 16*gib:
		return mib, "MiB"
	}
	return gib, "GiB"
}

func number(n, unit int64) string {
	if unit == 1 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%.1f", float64(n)/float64(unit))
}

// Size prints "512 B", "12.0 KiB", "95.4 MiB", "1.0 GiB" or "23.5 GiB"; for what the kernel calls max "max", and a negative size
// with its sign.
func Size[T ~int64](n T) string {
	switch {
	case n == math.MaxInt64:
		return "max"
	case n < 0:
		return "-" + Size(-max(n, 1-math.MaxInt64)) // the smallest of all has no positive, and the largest is max
	}
	size, name := unit(int64(n))
	if n > 0 && n%gib == 0 {
		size, name = gib, "GiB"
	}
	return number(int64(n), size) + " " + name
}

// Of prints "64.0 of 95.4 MiB": both in the unit of the larger.
func Of[T ~int64](part, whole T) string {
	if whole == math.MaxInt64 {
		return Size(part) + " of max"
	}
	size, name := unit(int64(max(part, whole)))
	return number(int64(part), size) + " of " + number(int64(whole), size) + " " + name
}

// Count prints "1 step" and "2 steps".
func Count[N ~int | ~uint64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Were prints "1 step was" and "2 steps were".
func Were[N ~int | ~uint64](n N, what string) string {
	if n == 1 {
		return Count(n, what) + " was"
	}
	return Count(n, what) + " were"
}

// Part prints how many of something did so, in both forms of the verb: "2 of 12 points changed", "none of 12 points changed", "the
// one point did not change".
func Part[N ~int | ~uint64](n, of N, what, did, do string) string {
	switch {
	case of == 1 && n == 0:
		return fmt.Sprintf("the one %s did not %s", what, do)
	case of == 1:
		return fmt.Sprintf("the one %s %s", what, did)
	case n == 0:
		return fmt.Sprintf("none of %s %s", Count(of, what), did)
	}
	return fmt.Sprintf("%d of %s %s", n, Count(of, what), did)
}

// Duration prints "41.3 s", "56 ms", "0.5 ms" or "20 µs".
func Duration(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case d > 0 && d < 100*time.Microsecond:
		return fmt.Sprintf("%.0f µs", 1000*ms)
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 999.5:
		return fmt.Sprintf("%.0f ms", ms)
	default:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
}
