package sweep

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"oomcage/harness/outcome"
)

// MaxPoints is how many points a grid may have where Grid.MaxPoints says nothing: so a mistyped range is an error, and not a day of
// runs.
const MaxPoints = 100_000

// Axis is one dimension of a grid: a field of a spec, and the values it takes.
type Axis struct {
	// Name is one of the names that Fields returns, an environment variable of the target in
	// capitals (GOMEMLIMIT), or a file of the cage, which has a dot (pids.max).
	Name string

	// Values are texts as ParseAxis writes them, which stand in the names of points: the smallest first, each once. None is an error
	// of Grid.Points.
	Values []string
}

// ParseAxis reads "max=64MiB,96MiB", "max=64MiB..256MiB+32MiB" (in steps) or "max=64MiB..1GiB*2"
// (by a factor), and lists of these with commas between them. A range ends with its last value that is not above the upper
// end. Sizes are read by outcome.ParseBytes and written by Bytes.String, so that 1024KiB and 1MiB are the
// same value. An unknown name, a value that is none of its kind, an empty value, and a range whose upper end comes first or that never
// ends are errors; more than maxValues values are ErrTooMany. A maxValues below 1 means MaxPoints.
func ParseAxis(text string, maxValues int) (Axis, error) {
	if maxValues < 1 {
		maxValues = MaxPoints
	}
	name, list, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return Axis{}, fmt.Errorf("parse the axis %q: it has no name; axes look like max=64MiB..256MiB+32MiB", text)
	}
	f, err := fieldNamed(name)
	if err != nil {
		return Axis{}, fmt.Errorf("parse the axis %q: %w", text, err)
	}
	a := Axis{Name: name}
	for item := range strings.SplitSeq(list, ",") {
		values, err := f.values(strings.TrimSpace(item), maxValues-len(a.Values))
		if err != nil {
			return Axis{}, fmt.Errorf("parse the axis %q: %w", text, err)
		}
		a.Values = append(a.Values, values...)
	}
	slices.SortFunc(a.Values, f.kind.compare)
	a.Values = slices.Compact(a.Values)
	return a, nil
}

// String returns the axis as ParseAxis reads it, with its values one by one.
func (a Axis) String() string { return a.Name + "=" + strings.Join(a.Values, ",") }

// values expands one item of a list: a value, or a range of them.
func (f field) values(item string, maxValues int) ([]string, error) {
	if item == "" {
		return nil, fmt.Errorf("it has an empty value; give %s", f.kind.looksLike())
	}
	lo, rest, isRange := strings.Cut(item, "..")
	if !isRange {
		v, err := f.kind.canonical(item)
		if err == nil && maxValues < 1 {
			err = ErrTooMany
		}
		return []string{v}, err
	}
	k := f.kind
	if k == word { // of a variable or a file
		k = size
		if _, err := strconv.ParseInt(lo, 10, 64); err == nil {
			k = number
		}
	}
	at := strings.IndexAny(rest, "+*")
	switch {
	case k != size && k != number:
		return nil, fmt.Errorf("%s has no ranges; give a list of %s", f.name, k.looksLike())
	case at < 0:
		return nil, fmt.Errorf("the range %q has no step; write %s+STEP or %s*FACTOR", item, item, item)
	}
	first, err := k.parse(lo)
	if err != nil {
		return nil, err
	}
	last, err := k.parse(rest[:at])
	if err != nil {
		return nil, err
	}
	next, err := k.advance(rest[at], rest[at+1:])
	switch {
	case err != nil:
		return nil, fmt.Errorf("the range %q: %w", item, err)
	case first > last:
		return nil, fmt.Errorf("the range %q is upside down: write the smaller end first", item)
	case first <= 0 && rest[at] == '*':
		return nil, fmt.Errorf("the range %q never leaves 0: begin above it", item)
	case last == math.MaxInt64:
		return nil, fmt.Errorf("the range %q has no end: max can only stand in a list", item)
	}
	var values []string
	for n := first; n <= last; n = next(n) {
		if len(values) >= maxValues {
			return nil, fmt.Errorf("the range %q: %w", item, ErrTooMany)
		}
		values = append(values, k.print(n))
	}
	return values, nil
}

// ErrTooMany is the error of an axis or a grid that makes more points than it may have; see Grid.MaxPoints.
var ErrTooMany = errors.New("it makes too many points: take larger steps")

// parse reads the end of a range.
func (k kind) parse(text string) (int64, error) {
	if k == size {
		b, err := outcome.ParseBytes(text)
		return int64(b), err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no whole number", text)
	}
	return n, nil
}

func (k kind) print(n int64) string {
	if k == size {
		return outcome.Bytes(n).String()
	}
	return strconv.FormatInt(n, 10)
}

// advance reads the rest of a range, "+STEP" or "*FACTOR". What it returns ends at the largest number,
// which no range includes.
func (k kind) advance(operator byte, by string) (func(int64) int64, error) {
	if operator == '+' {
		step, err := k.parse(by)
		if err != nil {
			return nil, err
		}
		if step <= 0 || step == math.MaxInt64 {
			return nil, fmt.Errorf("the step is %s: it must be above 0, and less than max", by)
		}
		return func(n int64) int64 {
			if n > math.MaxInt64-step {
				return math.MaxInt64
			}
			return n + step
		}, nil
	}
	factor, err := strconv.ParseFloat(by, 64)
	if err != nil || !(factor > 1) {
		return nil, fmt.Errorf("the factor is %q: it must be a number above 1", by)
	}
	return func(n int64) int64 {
		up := math.Floor(float64(n) * factor)
		if up >= math.MaxInt64 {
			return math.MaxInt64
		}
		return max(int64(up), n+1) // 1 times 1.5 is 1 again
	}, nil
}
