package sweep

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"oomcage/harness/outcome"

	"oomcage/harness/internal/shell"
)

// Load makes a point's step from a text in which $step and $kind stand for the point's values. The zero
// value makes none.
type Load struct {
	words []string
	kind  loadKind
}

// loadKind is what the words of a load are.
type loadKind int

const (
	noKind   loadKind = iota
	getLoad           // the one word is the path of a URL
	postLoad          // the same
	execLoad          // a command and its arguments
)

// name tells a load from others in results.
func (l Load) name() string {
	switch l.kind {
	case getLoad:
		return "GET " + l.words[0]
	case postLoad:
		return "POST " + l.words[0]
	default:
		return shell.Join(l.words...)
	}
}

// Get is the load of harness.HTTPGet, for example of "/generate-load/memory?bytes=$step&kind=$kind".
func Get(path string) Load {
	return Load{[]string{path}, getLoad}
}

// Post is the load of harness.HTTPPost.
func Post(path string) Load {
	return Load{[]string{path}, postLoad}
}

// Exec is the load of harness.Exec: a command that is run for each step.
func Exec(words ...string) Load {
	return Load{words, execLoad}
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
	case l.kind == execLoad:
		return shell.Join(l.words...) + " $" + name
	case strings.Contains(l.words[0], "?"):
		return l.words[0] + "&" + query
	default:
		return l.words[0] + "?" + query
	}
}

// at puts the values in. A size is given in bytes, which every program can read.
func (l Load) at(values []Value, bytes outcome.Bytes) (Load, error) {
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
				return Load{}, fmt.Errorf("the load %q has $%s in it, and nothing says what it is: give the axis %s", w, name, name)
			}
		}
	}
	return Load{words, l.kind}, nil
}
