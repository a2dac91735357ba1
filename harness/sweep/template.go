package sweep

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"oomcage/harness/internal/shell"
	"oomcage/harness/outcome"
)

// Template makes the step of a point: a request or a command in which $step, the bytes of a step, and $kind stand for the point's
// values. The zero value makes none. What has $step or $kind in it needs the axis, or Spec.Load.Bytes: Grid.Points returns an error
// otherwise, and also for an axis that the template does not take up.
type Template struct {
	request  outcome.Request // where there are no words
	words    []string        // of a command
	stepBody bool            // the body of the request has the size of a step
}

// is reports whether there is a template.
func (t Template) is() bool { return t.request.Path != "" || len(t.words) > 0 }

// name tells the step from others in results.
func (t Template) name() string {
	if t.request.Path != "" {
		return t.request.String()
	}
	return shell.Join(t.words...)
}

// PostTemplate returns the template of a POST without a body, for example to "/generate-load/memory?bytes=$step&kind=$kind".
func PostTemplate(path string) Template {
	return RequestTemplate(outcome.Request{Method: "POST", Path: path})
}

// RequestTemplate returns the template of a request that harness.HTTP sends. $step and $kind may stand in Path, Header, Body, BodyFile
// and Text.
func RequestTemplate(r outcome.Request) Template { return Template{request: r} }

// WithBodyOfStep returns the template with a body of as many bytes as a step takes (Load.Bytes), which do not compress.
func (t Template) WithBodyOfStep() Template {
	t.stepBody = true
	return t
}

// CommandTemplate returns the template of a command that harness.Exec runs. $step and $kind may stand in its words.
func CommandTemplate(words ...string) Template { return Template{words: words} }

// texts are all in which $step and $kind are replaced.
func (t *Template) texts() []*string {
	r := &t.request
	r.Header, t.words = slices.Clone(r.Header), slices.Clone(t.words)
	all := []*string{&r.Path, &r.Body, &r.BodyFile, &r.Text}
	for i := range r.Header {
		all = append(all, &r.Header[i])
	}
	for i := range t.words {
		all = append(all, &t.words[i])
	}
	return all
}

// has reports whether $name, which is an axis, changes the step.
func (t Template) has(name string) bool {
	return t.stepBody && name == stepAxis ||
		slices.ContainsFunc(t.texts(), func(text *string) bool { return strings.Contains(*text, "$"+name) })
}

// takesUp refuses an axis that would change nothing but the prediction: all points of it would be the
// same, and the wrong ones would look as if the kernel did not keep its limits. One size of a step is
// what every step of the load takes.
func (t Template) takesUp(axes []Axis) error {
	for _, name := range []string{stepAxis, kindAxis} {
		varies := slices.ContainsFunc(axes, func(a Axis) bool { return a.Name == name && (name == kindAxis || len(a.Values) > 1) })
		if varies && !t.has(name) {
			help := "write for example " + t.with(name)
			if name == stepAxis {
				help += ", or give one size, for the prediction alone"
			}
			return fmt.Errorf("the axis %s would change nothing: the load has no $%s in it; %s", name, name, help)
		}
	}
	return nil
}

// with is the template with what is missing in it.
func (t Template) with(name string) string {
	query := map[string]string{stepAxis: "bytes=$step", kindAxis: "kind=$kind"}[name]
	switch {
	case !t.is():
		return "/load?" + query
	case len(t.words) > 0:
		return shell.Join(t.words...) + " $" + name
	case strings.Contains(t.request.Path, "?"):
		return t.request.Path + "&" + query
	default:
		return t.request.Path + "?" + query
	}
}

// at puts the values in. A size is given in bytes, which every program can read.
func (t Template) at(values []Value, bytes outcome.Bytes) (Template, error) {
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
	for _, text := range t.texts() {
		asked := *text
		*text = replace.Replace(asked)
		for _, name := range []string{stepAxis, kindAxis} {
			if strings.Contains(*text, "$"+name) {
				return Template{}, fmt.Errorf("the load %q has $%s in it, and nothing says what it is: give the axis %s", asked, name, name)
			}
		}
	}
	if t.stepBody {
		if bytes <= 0 {
			return Template{}, errors.New("the load's body has the size of a step, and nothing says what that is: give the axis step")
		}
		t.request.BodySize, t.stepBody = bytes, false
	}
	if t.request.Path != "" {
		if err := t.request.Validate(); err != nil {
			return Template{}, err
		}
	}
	return t, nil
}
