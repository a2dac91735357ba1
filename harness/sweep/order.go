package sweep

import "strings"

// Compare orders the names of points as Grid.Points does: by the first axis, then by the second, and so on,
// with the smallest values first.
func Compare(a, b string) int {
	x, y := Values(a), Values(b)
	for i := range min(len(x), len(y)) {
		if x[i].Axis != y[i].Axis {
			return strings.Compare(x[i].Axis, y[i].Axis)
		}
		if c := CompareValues(x[i].Axis, x[i].Text, y[i].Text); c != 0 {
			return c
		}
	}
	return len(x) - len(y)
}

// CompareValues orders two values of an axis.
func CompareValues(axis, a, b string) int {
	f, err := fieldNamed(axis)
	if err != nil {
		f.kind = word // RepeatAxis, or a name that no grid made
	}
	return f.kind.compare(a, b)
}
