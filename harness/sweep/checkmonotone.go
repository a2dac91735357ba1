package sweep

import (
	"fmt"

	"oomcage/harness"
)

// contradicts tells that a fared better than b, which has more memory. Within a window's width counts may differ
// either way. A program without steps survives by its exit code alone, see Survived; one with steps that lives,
// and was refused a step, is judged by its count.
func contradicts(a, b *harness.Outcome) bool {
	if a.Evidence.Limits.Max >= b.Evidence.Limits.Max { // repeats are not compared
		return false
	}
	return outlived(a, b) || b.Acknowledged < a.Acknowledged-slack(a, b)
}

func outlived(a, b *harness.Outcome) bool {
	return Survived(a) && !Survived(b) && b.Verdict != harness.Survived
}

// checkMonotone names the few points without which the rest agree. A point with too many steps contradicts all
// those above it that have as many as they should, and each of them only it: so the one that contradicts
// the most others is taken out, until none does.
func checkMonotone(g group) []Finding {
	left := g.limited()
	against := make([]int, len(left)) // how many others each contradicts
	for i, a := range left {
		for j := i + 1; j < len(left); j++ {
			if contradicts(a, left[j]) {
				against[i]++
				against[j]++
			}
		}
	}
	var found []Finding
	for {
		odd := -1
		for i, n := range against {
			if left[i] != nil && n > 0 && (odd < 0 || n >= against[odd]) { // of two, the one with more memory
				odd = i
			}
		}
		if odd < 0 {
			return found
		}
		nearest := -1
		for i, o := range left {
			switch {
			case o == nil || !contradicts(left[min(i, odd)], left[max(i, odd)]):
				continue
			case nearest < 0 || i < odd || i-odd < odd-nearest:
				nearest = i
			}
			against[i]--
		}
		points := []string{left[odd].Name}
		if against[nearest]+1 == against[odd] { // it may as well be the other
			points = append(points, left[nearest].Name)
		}
		found = append(found, Finding{"monotone", points, compared(left[odd], left[nearest])})
		left[odd] = nil
	}
}

// compared says how an odd outcome contradicts the other.
func compared(odd, other *harness.Outcome) string {
	than := "more"
	if other.Evidence.Limits.Max < odd.Evidence.Limits.Max {
		than = "less"
	}
	switch {
	case outlived(odd, other):
		return fmt.Sprintf("%s survived, and %s, which has %s memory, was %s", odd.Name, other.Name, than, endingOf(other))
	case outlived(other, odd):
		return fmt.Sprintf("%s was %s, and %s, which has %s memory, survived", odd.Name, endingOf(odd), other.Name, than)
	default:
		return fmt.Sprintf("%s acknowledged %d steps, and %s, which has %s memory, %d", odd.Name, odd.Acknowledged, other.Name, than, other.Acknowledged)
	}
}
