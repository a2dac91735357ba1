package cgroup

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
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
	m, err := parseKeyed(text)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", filepath.Join(g.path, file), err)
	}
	return m, nil
}

func parseKeyed(text string) (map[string]uint64, error) {
	m := make(map[string]uint64)
	for line := range strings.Lines(text) {
		// A line without its end may have lost digits.
		whole, ended := strings.CutSuffix(line, "\n")
		key, value, ok := strings.Cut(whole, " ")
		if !ended || !ok || key == "" {
			return nil, fmt.Errorf("line %q is not a key and a number", line)
		}
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("line %q is not a key and a number", line)
		}
		if _, twice := m[key]; twice {
			return nil, fmt.Errorf("key %q stands twice", key)
		}
		m[key] = n
	}
	return m, nil
}

// ReadSize reads a file that holds one number of bytes; "max" is math.MaxInt64.
func (g *Group) ReadSize(file string) (int64, error) {
	text, err := g.Read(file)
	if err != nil {
		return 0, err
	}
	n, err := parseSize(text)
	if err != nil {
		return 0, fmt.Errorf("parse %s: %w", filepath.Join(g.path, file), err)
	}
	return n, nil
}

func parseSize(text string) (int64, error) {
	number, ended := strings.CutSuffix(text, "\n")
	if number == "max" && ended {
		return math.MaxInt64, nil
	}
	n, err := strconv.ParseUint(number, 10, 64)
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
	p, err := parsePressure(text)
	if err != nil {
		return Pressure{}, fmt.Errorf("parse %s: %w", filepath.Join(g.path, "memory.pressure"), err)
	}
	return p, nil
}

var pressureLine = regexp.MustCompile(`^(some|full) avg10=\d+\.\d\d avg60=\d+\.\d\d avg300=\d+\.\d\d total=(\d+)\n$`)

// parsePressure reads "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", total in microseconds,
// and a line for full, which some kernels leave out.
func parsePressure(text string) (Pressure, error) {
	totals := map[string]time.Duration{}
	for line := range strings.Lines(text) {
		m := pressureLine.FindStringSubmatch(line)
		if m == nil {
			return Pressure{}, fmt.Errorf("line %q is not one of some or full with a total", line)
		}
		us, err := strconv.ParseInt(m[2], 10, 64)
		if err != nil || us > math.MaxInt64/int64(time.Microsecond) {
			return Pressure{}, fmt.Errorf("line %q has a total that does not fit", line)
		}
		if _, twice := totals[m[1]]; twice {
			return Pressure{}, fmt.Errorf("%s stands twice", m[1])
		}
		totals[m[1]] = time.Duration(us) * time.Microsecond
	}
	if _, ok := totals["some"]; !ok {
		return Pressure{}, errors.New("it has no line for some")
	}
	return Pressure{Some: totals["some"], Full: totals["full"]}, nil
}

// Read returns the text of one of the cgroup's files.
func (g *Group) Read(file string) (string, error) { return sys.ReadFile(filepath.Join(g.path, file)) }
