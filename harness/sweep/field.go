package sweep

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"oomcage/harness/outcome"
)

// field is what an axis can vary.
type field struct {
	name string
	what string // for help texts
	kind kind
	set  func(s *outcome.Spec, v string) error // nil: the load takes it
}

// kind is how a field's values are read, written and ordered.
type kind int

const (
	word     kind = iota // any text; a range of it is one of numbers or of sizes
	size                 // outcome.Bytes
	number               // a whole number
	duration             // time.Duration
	flag                 // 0 or 1, as in the kernel's files
)

// looksLike shows values of the kind.
func (k kind) looksLike() string {
	switch k {
	case size:
		return "sizes such as 64MiB"
	case number:
		return "whole numbers"
	case duration:
		return "durations such as 30s"
	case flag:
		return "0 or 1"
	default:
		return "words"
	}
}

// canonical writes a value the one way in which it stands in the names of points. The name is what
// go test -run takes apart at slashes, so a value has none.
func (k kind) canonical(text string) (string, error) {
	switch k {
	case size, number:
		n, err := k.parse(text)
		return k.print(n), err
	case duration:
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			return "", fmt.Errorf("%q is no duration above 0; durations look like 30s", text)
		}
		return d.String(), nil
	case flag:
		if text != "0" && text != "1" {
			return "", fmt.Errorf("%q is neither 0 nor 1", text)
		}
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r == '/' || r == '"' || !strconv.IsGraphic(r) || unicode.IsSpace(r) }) {
		return "", fmt.Errorf("%q would not do in a name: a value has no slash, quote or space", text)
	}
	return text, nil
}

// compare orders two canonical values. Words that are numbers or sizes come first, by what they are.
func (k kind) compare(a, b string) int {
	of := func(text string) (int64, bool) {
		if k == duration {
			d, err := time.ParseDuration(text)
			return int64(d), err == nil
		}
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, true
		}
		n, err := outcome.ParseBytes(text)
		return int64(n), err == nil
	}
	x, isX := of(a)
	y, isY := of(b)
	switch {
	case isX && isY && x != y:
		return cmp.Compare(x, y)
	case isX != isY && isX:
		return -1
	case isX != isY:
		return 1
	}
	return strings.Compare(a, b)
}

// The order here is that of the axes in a point's name.
var fields = []field{
	ceiling(sizeField("max", "memory.max", func(s *outcome.Spec) *outcome.Bytes { return &s.Limits.Max })),
	ceiling(sizeField("high", "memory.high", func(s *outcome.Spec) *outcome.Bytes { return &s.Limits.High })),
	sizeField("low", "memory.low", func(s *outcome.Spec) *outcome.Bytes { return &s.Limits.Low }),
	sizeField("min", "memory.min", func(s *outcome.Spec) *outcome.Bytes { return &s.Limits.Min }),
	sizeField("swap", "memory.swap.max", func(s *outcome.Spec) *outcome.Bytes { return &s.Limits.Swap }),
	{"oom.group", "memory.oom.group, 0 or 1", flag, func(s *outcome.Spec, v string) error {
		s.Limits.OOMGroup = v == "1"
		return nil
	}},
	{"oom_score_adj", "oom_score_adj of the target", number, func(s *outcome.Spec, v string) error {
		n, err := strconv.Atoi(v)
		s.Target.OOMScoreAdj = &n
		return err
	}},
	{"no_thp", "the target without transparent huge pages, 0 or 1", flag, func(s *outcome.Spec, v string) error {
		s.Target.NoTHP = v == "1"
		return nil
	}},
	sizeField(stepAxis, "bytes that one step takes; $step in the load", func(s *outcome.Spec) *outcome.Bytes { return &s.Load.Bytes }),
	{kindAxis, "kind of memory that a step takes; $kind in the load", word, nil},
	{"count", "how many steps there are at most", number, func(s *outcome.Spec, v string) (err error) {
		s.Load.Count, err = strconv.Atoi(v)
		return err
	}},
	{"clients", "how many steps are under way at once", number, func(s *outcome.Spec, v string) (err error) {
		s.Load.Clients, err = strconv.Atoi(v)
		return err
	}},
	{"timeout", "time of one run", duration, func(s *outcome.Spec, v string) (err error) {
		s.Timeout, err = time.ParseDuration(v)
		return err
	}},
}

// The axes that the load's own text must take up, see Load.
const (
	stepAxis = "step"
	kindAxis = "kind"
)

// RepeatAxis is the axis that Grid.Repeat adds to the names of points. ParseAxis knows no axis of that name.
const RepeatAxis = "repeat"

func sizeField(name, what string, of func(*outcome.Spec) *outcome.Bytes) field {
	return field{name, what, size, func(s *outcome.Spec, v string) error { return of(s).Set(v) }}
}

// ceiling refuses the value 0.
func ceiling(f field) field {
	set := f.set
	f.set = func(s *outcome.Spec, v string) error {
		if v == "0" {
			return ErrZeroLimit
		}
		return set(s, v)
	}
	return f
}

// ErrZeroLimit is the error of a point with a memory.max or memory.high of 0: in outcome.Limits that is no limit, and in the kernel's
// files the lowest one.
var ErrZeroLimit = errors.New("0 could mean no limit or no memory: write max for no limit")

// Fields returns the names that an axis may have, in their order in the names of points, and what each is, for help texts. Beside these
// an axis may be an environment variable of the target, in capitals, or a file of the cage, which has a dot.
func Fields() (names, what []string) {
	for _, f := range fields {
		names, what = append(names, f.name), append(what, f.what)
	}
	return names, what
}

func fieldNamed(name string) (field, error) {
	if i := slices.IndexFunc(fields, func(f field) bool { return f.name == name }); i >= 0 {
		return fields[i], nil
	}
	switch {
	case isVariable(name):
		return field{name, "environment variable of the target", word, func(s *outcome.Spec, v string) error {
			s.Target.Env = append(slices.Clip(s.Target.Env), name+"="+v)
			return nil
		}}, nil
	case strings.Contains(name, ".") && !strings.ContainsAny(name, "/ "):
		return field{name, "file of the cage", word, func(s *outcome.Spec, v string) error {
			files := map[string]string{name: v}
			for file, value := range s.Limits.Files {
				if file != name {
					files[file] = value
				}
			}
			s.Limits.Files = files
			return nil
		}}, nil
	}
	names, _ := Fields()
	return field{}, fmt.Errorf("there is no field %q: take one of %s, an environment variable in capitals, or a file of the cage such as pids.max",
		name, strings.Join(names, ", "))
}

// isVariable reports whether a name is that of an environment variable, as they are usually written.
func isVariable(name string) bool {
	return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "" && !strings.ContainsAny(name[:1], "0123456789")
}
