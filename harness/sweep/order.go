package sweep

import (
	"slices"
	"strings"

	"oomcage/harness/outcome"
)

// Sort sorts outcomes into the order of Grid.Points: by the first axis of their names, then by the second, and so on, with the
// smallest values first. Outcomes of equal names keep their order.
func Sort(outcomes []*outcome.Outcome) {
	SortBy(outcomes, func(o *outcome.Outcome) string { return o.Name })
}

// SortBy sorts anything that has the name of a point, as Sort does. It calls name once for each.
func SortBy[T any](all []T, name func(T) string) {
	type placed struct {
		place []Value
		of    T
	}
	sorted := make([]placed, len(all))
	for i, one := range all {
		sorted[i] = placed{ParseName(name(one)), one}
	}
	slices.SortStableFunc(sorted, func(a, b placed) int { return comparePlaces(a.place, b.place) })
	for i, p := range sorted {
		all[i] = p.of
	}
}

func comparePlaces(x, y []Value) int {
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

// CompareValues compares two values of an axis, as cmp.Compare does: sizes, numbers and durations by what they are, before words.
func CompareValues(axis, a, b string) int {
	f, err := fieldNamed(axis)
	if err != nil {
		f.kind = word // RepeatAxis, or a name that no grid made
	}
	return f.kind.compare(a, b)
}
