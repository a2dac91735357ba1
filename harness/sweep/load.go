package sweep

import (
	"errors"
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
	request  outcome.Request // where there are no words
	words    []string        // of a command
	stepBody bool            // the body of the request has the size of a step
}

// is reports whether there is a load.
func (l Load) is() bool { return l.request.Path != "" || len(l.words) > 0 }

// name tells a load from others in results.
func (l Load) name() string {
	if l.request.Path != "" {
		return l.request.String()
	}
	return shell.Join(l.words...)
}

// Get is the load of harness.HTTPGet, for example of "/generate-load/memory?bytes=$step&kind=$kind".
func Get(path string) Load { return Request(outcome.Request{Method: "GET", Path: path}) }

// Post is the load of harness.HTTPPost.
func Post(path string) Load { return Request(outcome.Request{Method: "POST", Path: path}) }

// Request is the load of harness.HTTP. $step and $kind may stand in its path, its headers, its body and the name of its
// file.
func Request(r outcome.Request) Load { return Load{request: r} }

// WithBodyOfStep is the load with a body that has the size of the point's step, and does not compress.
func (l Load) WithBodyOfStep() Load {
	l.stepBody = true
	return l
}

// Exec is the load of harness.Exec: a command that is run for each step.
func Exec(words ...string) Load { return Load{words: words} }

// texts are all in which $step and $kind are replaced.
func (l *Load) texts() []*string {
	r := &l.request
	r.Header, l.words = slices.Clone(r.Header), slices.Clone(l.words)
	all := []*string{&r.Path, &r.Body, &r.BodyFile, &r.Text}
	for i := range r.Header {
		all = append(all, &r.Header[i])
	}
	for i := range l.words {
		all = append(all, &l.words[i])
	}
	return all
}

// has reports whether $name, which is an axis, changes the load.
func (l Load) has(name string) bool {
	return l.stepBody && name == stepAxis ||
		slices.ContainsFunc(l.texts(), func(text *string) bool { return strings.Contains(*text, "$"+name) })
}

// takesUp refuses an axis that would change nothing but the prediction: all points of it would be the
// same, and the wrong ones would look as if the kernel did not keep its limits. One size of a step is
// what every step of the load takes.
func (l Load) takesUp(axes []Axis) error {
	for _, name := range []string{stepAxis, kindAxis} {
		varies := slices.ContainsFunc(axes, func(a Axis) bool { return a.Name == name && (name == kindAxis || len(a.Values) > 1) })
		if varies && !l.has(name) {
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
	case !l.is():
		return "/load?" + query
	case len(l.words) > 0:
		return shell.Join(l.words...) + " $" + name
	case strings.Contains(l.request.Path, "?"):
		return l.request.Path + "&" + query
	default:
		return l.request.Path + "?" + query
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
	for _, text := range l.texts() {
		asked := *text
		*text = replace.Replace(asked)
		for _, name := range []string{stepAxis, kindAxis} {
			if strings.Contains(*text, "$"+name) {
				return Load{}, fmt.Errorf("the load %q has $%s in it, and nothing says what it is: give the axis %s", asked, name, name)
			}
		}
	}
	if l.stepBody {
		if bytes <= 0 {
			return Load{}, errors.New("the load's body has the size of a step, and nothing says what that is: give the axis step")
		}
		l.request.BodySize, l.stepBody = bytes, false
	}
	if l.request.Path != "" {
		if err := l.request.Validate(); err != nil {
			return Load{}, err
		}
	}
	return l, nil
}
