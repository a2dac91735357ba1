// Package nearest finds what somebody has meant who mistyped a name.
package nearest

import "strings"

// Of returns the known name that is nearest to a word: the fewest letters have to be put in, left out, replaced or swapped
// with the next one. It is "" where half of them or more would have to be: then nothing is known of what was meant.
func Of(word string, known []string) string {
	const longest = 100 // bytes of what anybody means by a name
	if len(word) > longest {
		return ""
	}
	word = strings.ToLower(word)
	best, least := "", 0
	for _, name := range known {
		d := distance(word, strings.ToLower(name))
		if 2*d < max(len(word), len(name)) && (best == "" || d < least) {
			best, least = name, d
		}
	}
	return best
}

// Hint is "did you mean NAME? ", with a space behind it, or "" where none is near.
func Hint(word string, known []string) string {
	if name := Of(word, known); name != "" {
		return "did you mean " + name + "? "
	}
	return ""
}

// distance is that of optimal string alignment.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := last[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replaced)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
