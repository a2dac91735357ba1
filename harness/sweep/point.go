package sweep

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	shellquote "github.com/kballard/go-shellquote"

	"oomcage/harness"
)

// Grid is a spec with axes: every combination of their values is a point. The zero value of a field is
// said with it.
type Grid struct {
	// Spec is what all points have in common. Its Name is not used.
	Spec harness.Spec

	// Axes may come in any order; none makes one point, Spec as it is.
	Axes []Axis

	// Load makes the step of each point, with its $step and $kind, and names it. The zero value leaves
	// Spec.Load.Step and Spec.Load.Name.
	Load Load

	// Repeat runs each point that often, each time as a point of its own, named …/repeat=2. 0 means once.
	Repeat int

	// MaxPoints bounds the points. 0 means MaxPoints.
	MaxPoints int
}

// Point is one spec of a grid.
type Point struct {
	// Name tells it from all others: "max=64MiB/step=20MiB", the axes in the order of Fields, and then
	// the variables and files by their names. It is the same whatever order the grid's axes have.
	Name string

	Spec harness.Spec // with that name
}

// Value is one axis at one point.
type Value struct{ Axis, Text string }

// Values takes a point's name apart. It is how checks and reports know a stored outcome's axes.
func Values(name string) []Value {
	var values []Value
	for part := range strings.SplitSeq(name, "/") {
		axis, text, _ := strings.Cut(part, "=")
		values = append(values, Value{axis, text})
	}
	return values
}

// Points returns all points: sorted by the first axis of their names, then by the second, and so on,
// with the smallest values first. It touches nothing; what cannot be run is an error here, and not after
// hours.
func (g Grid) Points() ([]Point, error) {
	axes, err := g.sortedAxes()
	if err != nil {
		return nil, err
	}
	most := g.MaxPoints
	if most <= 0 {
		most = MaxPoints
	}
	total := 1
	for _, a := range axes {
		if total > most/len(a.Values) {
			return nil, fmt.Errorf("the grid %s: %w", g.String(), ErrTooMany)
		}
		total *= len(a.Values)
	}
	points := make([]Point, 0, total)
	for i := range total {
		values := make([]Value, len(axes))
		for j := len(axes) - 1; j >= 0; j-- { // the last axis turns fastest
			values[j] = Value{axes[j].Name, axes[j].Values[i%len(axes[j].Values)]}
			i /= len(axes[j].Values)
		}
		p, err := g.point(values)
		if err != nil {
			return nil, err
		}
		points = append(points, p)
	}
	return points, nil
}

// String is the axes as ParseAxis reads them.
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
			return nil, fmt.Errorf("the axis %s has no values", a.Name)
		case i > 0 && a.Name == axes[i-1].Name:
			return nil, fmt.Errorf("the axis %s is given twice: give it once, with all its values", a.Name)
		}
	}
	if err := g.Load.takesUp(axes); err != nil {
		return nil, err
	}
	if g.Repeat < 0 {
		return nil, fmt.Errorf("the grid's Repeat is %d: it must not be negative", g.Repeat)
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
		p.Name = filepath.Base(p.Spec.Target.Path)
	}
	p.Spec.Name = p.Name
	if g.Load.make != nil {
		made, err := g.Load.load(values, p.Spec.Load.Bytes)
		if err != nil {
			return Point{}, err
		}
		p.Spec.Load.Name, p.Spec.Load.Step = made.Name, made.Step
	}
	if err := p.Spec.Validate(); err != nil {
		return Point{}, fmt.Errorf("the point %s: %w", p.Name, err)
	}
	return p, nil
}

// Load makes a point's step from a text in which $step and $kind stand for the point's values. The zero
// value makes none.
type Load struct {
	words []string
	url   bool                              // the one word is the path of a URL
	make  func(words []string) harness.Load // its Name and its Step
}

// Get is the load of harness.HTTPGet, for example of "/generate-load/memory?bytes=$step&kind=$kind".
func Get(path string) Load {
	return Load{[]string{path}, true, func(w []string) harness.Load {
		return harness.Load{Name: "GET " + w[0], Step: harness.HTTPGet(w[0])}
	}}
}

// Post is the load of harness.HTTPPost.
func Post(path string) Load {
	return Load{[]string{path}, true, func(w []string) harness.Load {
		return harness.Load{Name: "POST " + w[0], Step: harness.HTTPPost(w[0])}
	}}
}

// Exec is the load of harness.Exec: a command that is run for each step.
func Exec(words ...string) Load {
	return Load{words, false, func(w []string) harness.Load {
		return harness.Load{Name: shellquote.Join(w...), Step: harness.Exec(w...)}
	}}
}

// takesUp refuses an axis that would change nothing but the prediction: all points of it would be the
// same, and the wrong ones would look as if the kernel did not keep its limits. One size of a step is
// what every step of the load takes.
func (l Load) takesUp(axes []Axis) error {
	for _, name := range []string{stepAxis, kindAxis} {
		varies := slices.ContainsFunc(axes, func(a Axis) bool { return a.Name == name && (name == kindAxis || len(a.Values) > 1) })
		if varies && !strings.Contains(strings.Join(l.words, " "), "$"+name) {
			help := "write for example " + l.with(name)
			if name == stepAxis {
				help += ", or give one size, for the prediction alone"
			}
			return fmt.Errorf("the axis %s would change nothing: the load has no $%s in it; %s", name, name, help)
		}
	}
	return nil
}

// with is the load with what is missing in it.
func (l Load) with(name string) string {
	query := map[string]string{stepAxis: "bytes=$step", kindAxis: "kind=$kind"}[name]
	switch {
	case len(l.words) == 0:
		return "/load?" + query
	case !l.url:
		return shellquote.Join(l.words...) + " $" + name
	case strings.Contains(l.words[0], "?"):
		return l.words[0] + "&" + query
	default:
		return l.words[0] + "?" + query
	}
}

// load puts the values in. A size is given in bytes, which every program can read.
func (l Load) load(values []Value, bytes harness.Bytes) (harness.Load, error) {
	var pairs []string
	if bytes > 0 {
		pairs = append(pairs, "$"+stepAxis, strconv.FormatInt(int64(bytes), 10))
	}
	for _, v := range values {
		if v.Axis == kindAxis {
			pairs = append(pairs, "$"+kindAxis, v.Text)
		}
	}
	replace := strings.NewReplacer(pairs...)
	words := make([]string, len(l.words))
	for i, w := range l.words {
		words[i] = replace.Replace(w)
		for _, name := range []string{stepAxis, kindAxis} {
			if strings.Contains(words[i], "$"+name) {
				return harness.Load{}, fmt.Errorf("the load %q has $%s in it, and nothing says what it is: give the axis %s", w, name, name)
			}
		}
	}
	return l.make(words), nil
}
