package sweep

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"oomcage/harness/outcome"
)

// Grid is a spec with axes: every combination of their values is a point. The zero value has no target, which is an error of Points.
type Grid struct {
	// Spec is what all points have in common.
	Spec outcome.Spec

	// Axes may come in any order, each name once. Without any the grid is one point: Spec as it is.
	Axes []Axis

	// Step makes the step of each point, with the point's values for $step and $kind, and names it. The zero value makes none:
	// Code.Step is the step then, and Spec.Load.Name its name.
	Step Template

	// Repeat is how many times each point is run, each as a point of its own, named …/repeat=2. 0 means once.
	Repeat int

	// MaxPoints is how many points there may be. 0, or less, means the constant MaxPoints.
	MaxPoints int
}

// Point is one spec of a grid.
type Point struct {
	// Name tells it from all others of the grid: "max=64MiB/step=20MiB". The axes stand in the order of Fields, and behind them
	// the variables and files by their names, whatever order the grid has. Without axes it is the target's name.
	Name string

	// Spec is the grid's with the point's values. Runnable adds the code.
	Spec outcome.Spec

	step Template // the grid's, with the point's values in it
}

// Value is what one axis has at one point, as a text: memory.max is {"max", "64MiB"}.
type Value struct{ Axis, Text string }

// ParseName returns the values in a point's name, in their order. So checks and reports know the axes of a stored outcome. A part
// without "=" is an axis without a text.
func ParseName(name string) []Value {
	var values []Value
	for part := range strings.SplitSeq(name, "/") {
		axis, text, _ := strings.Cut(part, "=")
		values = append(values, Value{axis, text})
	}
	return values
}

// Without returns a point's name without some of its axes: "" where nothing is left.
func Without(name string, axes ...string) string {
	var rest []string
	for part := range strings.SplitSeq(name, "/") {
		if axis, _, _ := strings.Cut(part, "="); !slices.Contains(axes, axis) {
			rest = append(rest, part)
		}
	}
	return strings.Join(rest, "/")
}

// Points returns all points: sorted by the first axis of their names, then by the second, and so on,
// with the smallest values first. Too many points are ErrTooMany, a limit of 0 is ErrZeroLimit, and every spec
// passes outcome.Spec.Validate: what cannot be run is an error here, and not after hours.
func (g Grid) Points() ([]Point, error) {
	all, err := g.combinations()
	if err != nil {
		return nil, err
	}
	points := make([]Point, len(all))
	for i, values := range all {
		if points[i], err = g.point(values); err != nil {
			return nil, err
		}
	}
	return points, nil
}

// combinations are those of the axes' values, in the order of Points; one without values where there are no axes.
func (g Grid) combinations() ([][]Value, error) {
	axes, err := g.sortedAxes()
	if err != nil {
		return nil, err
	}
	maxPoints := g.MaxPoints
	if maxPoints <= 0 {
		maxPoints = MaxPoints
	}
	total := 1
	for _, a := range axes {
		if total > maxPoints/len(a.Values) {
			return nil, fmt.Errorf("the grid %s: %w", g.String(), ErrTooMany)
		}
		total *= len(a.Values)
	}
	all := make([][]Value, total)
	for n := range all {
		i := n
		values := make([]Value, len(axes))
		for j := len(axes) - 1; j >= 0; j-- { // the last axis turns fastest
			values[j] = Value{axes[j].Name, axes[j].Values[i%len(axes[j].Values)]}
			i /= len(axes[j].Values)
		}
		all[n] = values
	}
	return all, nil
}

// String returns the axes as ParseAxis reads them, with a space between them.
func (g Grid) String() string {
	var texts []string
	for _, a := range g.Axes {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, " ")
}

// sortedAxes returns the axes in the order of a point's name.
func (g Grid) sortedAxes() ([]Axis, error) {
	axes := slices.Clone(g.Axes)
	rank := func(a Axis) int {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == a.Name })
		if i < 0 {
			return math.MaxInt
		}
		return i
	}
	slices.SortStableFunc(axes, func(a, b Axis) int {
		if x, y := rank(a), rank(b); x != y {
			return x - y
		}
		return strings.Compare(a.Name, b.Name)
	})
	for i, a := range axes {
		switch {
		case len(a.Values) == 0:
			return nil, fmt.Errorf("the axis %s has no values: give at least one", a.Name)
		case i > 0 && a.Name == axes[i-1].Name:
			return nil, fmt.Errorf("the axis %s is given twice: give it once, with all its values", a.Name)
		}
	}
	if err := g.Step.takesUp(axes); err != nil {
		return nil, err
	}
	if g.Repeat < 0 {
		return nil, fmt.Errorf("the grid's Repeat is %d: it must not be negative", g.Repeat)
	}
	if g.Repeat > max(g.MaxPoints, MaxPoints) {
		return nil, fmt.Errorf("the grid's Repeat is %d: %w", g.Repeat, ErrTooMany)
	}
	if g.Repeat > 1 {
		repeats := Axis{Name: RepeatAxis}
		for n := range g.Repeat {
			repeats.Values = append(repeats.Values, strconv.Itoa(n+1))
		}
		axes = append(axes, repeats)
	}
	return axes, nil
}

// point makes the spec with these values.
func (g Grid) point(values []Value) (Point, error) {
	p := Point{Spec: g.Spec}
	var name []string
	for _, v := range values {
		name = append(name, v.Axis+"="+v.Text)
		if v.Axis == RepeatAxis {
			continue
		}
		f, err := fieldNamed(v.Axis)
		if err != nil {
			return Point{}, err
		}
		if f.set == nil {
			continue
		}
		if err := f.set(&p.Spec, v.Text); err != nil {
			return Point{}, fmt.Errorf("the point %s: set %s: %w", strings.Join(name, "/"), v.Axis, err)
		}
	}
	p.Name = strings.Join(name, "/")
	if len(values) == 0 {
		p.Name = p.Spec.Target.Name()
	}
	if g.Step.is() {
		var err error
		if p.step, err = g.Step.at(values, p.Spec.Load.Bytes); err != nil {
			return Point{}, err
		}
		p.Spec.Load.Name = p.step.name()
	}
	if err := p.Spec.Validate(); err != nil {
		return Point{}, fmt.Errorf("the point %s: %w", p.Name, err)
	}
	return p, nil
}
