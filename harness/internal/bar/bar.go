// Package bar draws how much of a limit is used, for the demo and for what a failed test prints.
package bar

import "strings"

// Width is how many characters a bar has.
const Width = 40

// Draw returns a bar of Width characters. It is full from full on, and empty where there is no full.
func Draw(used, full int64) string {
	n := 0
	if full > 0 {
		n = int(Width*max(0, min(float64(used)/float64(full), 1)) + 0.5)
	}
	return strings.Repeat("█", n) + strings.Repeat("·", Width-n)
}
