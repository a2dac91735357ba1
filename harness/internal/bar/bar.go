// Package bar draws how much of a limit is used, and by what, for the demo and for what a failed test prints.
package bar

import "strings"

// Width is how many characters a bar has.
const Width = 40

// Part is a part of what is used, and the character that a bar has for it.
type Part struct {
	Mark string
	Size int64
}

// Draw returns a bar of Width characters. It is full from full on, and empty where there is no full. Parts stand at its
// begin, in their order; what is used beside them is solid.
func Draw(used, full int64, parts ...Part) string {
	n := length(used, full)
	var b strings.Builder
	drawn, sum := 0, int64(0)
	for _, p := range parts {
		sum += max(p.Size, 0)
		end := min(length(sum, full), n)
		b.WriteString(strings.Repeat(p.Mark, end-drawn))
		drawn = end
	}
	return b.String() + strings.Repeat("█", n-drawn) + strings.Repeat("·", Width-n)
}

// length is how many characters of a bar stand for a size.
func length(size, full int64) int {
	if full <= 0 {
		return 0
	}
	return int(Width*max(0, min(float64(size)/float64(full), 1)) + 0.5)
}
