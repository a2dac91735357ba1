package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"time"

	"oomcage/harness/internal/sys"
)

// ReadKeyed reads a flat-keyed file such as memory.events or memory.stat: one "key value" a
// line. A line of another form is an error: a counter that cannot be read is not a zero.
func (g *Group) ReadKeyed(file string) (map[string]uint64, error) {
	text, err := g.Read(file)
	if err != nil {
		return nil, err
	}
	m, err := parseKeyed([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", filepath.Join(g.path, file), err)
	}
	return m, nil
}

func parseKeyed(text []byte) (map[string]uint64, error) {
	m := make(map[string]uint64)
	var twice []byte
	err := eachKey(text, func(key []byte, n uint64) {
		if _, has := m[string(key)]; has {
			twice = key
		}
		m[string(key)] = n
	})
	if err == nil && twice != nil {
		err = fmt.Errorf("key %q stands twice", twice)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// eachKey calls f with each line of a flat-keyed file. It does not allocate.
func eachKey(text []byte, f func(key []byte, n uint64)) error {
	for len(text) > 0 {
		line, rest, ended := bytes.Cut(text, newline) // a line without its end may have lost digits
		key, value, ok := bytes.Cut(line, space)
		n, err := strconv.ParseUint(string(value), 10, 64)
		if !ended || !ok || len(key) == 0 || err != nil {
			return fmt.Errorf("line %q is not a key and a number", line)
		}
		f(key, n)
		text = rest
	}
	return nil
}

var newline, space, dot = []byte("\n"), []byte(" "), []byte(".")

// ReadSize reads a file that holds one number of bytes; "max" is math.MaxInt64.
func (g *Group) ReadSize(file string) (int64, error) {
	text, err := g.Read(file)
	if err != nil {
		return 0, err
	}
	n, err := parseSize([]byte(text))
	if err != nil {
		return 0, fmt.Errorf("parse %s: %w", filepath.Join(g.path, file), err)
	}
	return n, nil
}

func parseSize(text []byte) (int64, error) {
	number, ended := bytes.CutSuffix(text, newline)
	if string(number) == "max" && ended {
		return math.MaxInt64, nil
	}
	n, err := strconv.ParseUint(string(number), 10, 64)
	if err != nil || !ended {
		return 0, fmt.Errorf("%q is neither a number nor max", text)
	}
	return int64(min(n, math.MaxInt64)), nil
}

// Pressure is how long tasks of a cgroup have waited for memory since it was made
// (Documentation/accounting/psi.rst, the totals of memory.pressure).
type Pressure struct {
	Some, Full time.Duration
}

// ReadPressure reads memory.pressure. Kernels without PSI have no such file, or answer
// EOPNOTSUPP.
func (g *Group) ReadPressure() (Pressure, error) {
	text, err := g.Read("memory.pressure")
	if err != nil {
		return Pressure{}, err
	}
	p, err := parsePressure([]byte(text))
	if err != nil {
		return Pressure{}, fmt.Errorf("parse %s: %w", filepath.Join(g.path, "memory.pressure"), err)
	}
	return p, nil
}

// parsePressure reads "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", total in microseconds,
// and a line for full, which some kernels leave out.
func parsePressure(text []byte) (Pressure, error) {
	var p Pressure
	var some, full bool
	for len(text) > 0 {
		line, rest, ended := bytes.Cut(text, newline)
		kind, total, ok := parsePressureLine(line)
		if !ended || !ok {
			return Pressure{}, fmt.Errorf("line %q is not one of some or full with a total that fits", line)
		}
		to, seen := &p.Some, &some
		if string(kind) == "full" {
			to, seen = &p.Full, &full
		}
		if *seen {
			return Pressure{}, fmt.Errorf("%s stands twice", kind)
		}
		*to, *seen = total, true
		text = rest
	}
	if !some {
		return Pressure{}, errors.New("it has no line for some")
	}
	return p, nil
}

func parsePressureLine(line []byte) (kind []byte, total time.Duration, ok bool) {
	kind, rest, _ := bytes.Cut(line, space)
	if string(kind) != "some" && string(kind) != "full" {
		return nil, 0, false
	}
	for _, name := range pressureAverages {
		var share []byte
		share, rest, _ = bytes.Cut(rest, space)
		share, named := bytes.CutPrefix(share, name)
		whole, hundredths, _ := bytes.Cut(share, dot)
		if !named || !digits(whole) || !digits(hundredths) || len(hundredths) != 2 {
			return nil, 0, false
		}
	}
	number, named := bytes.CutPrefix(rest, pressureTotal)
	us, err := strconv.ParseUint(string(number), 10, 64)
	return kind, time.Duration(us) * time.Microsecond, named && err == nil && us <= math.MaxInt64/uint64(time.Microsecond)
}

var (
	pressureAverages = [][]byte{[]byte("avg10="), []byte("avg60="), []byte("avg300=")}
	pressureTotal    = []byte("total=")
)

func digits(text []byte) bool {
	return len(text) > 0 && !bytes.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
}

// Read returns the text of one of the cgroup's files.
func (g *Group) Read(file string) (string, error) { return sys.ReadFile(filepath.Join(g.path, file)) }
