package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
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
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok || key == "" {
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
	text = strings.TrimSpace(text)
	if text == "max" {
		return math.MaxInt64, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
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

// parsePressure reads "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", total in microseconds.
func parsePressure(text string) (Pressure, error) {
	var p Pressure
	var seen int
	for line := range strings.Lines(text) {
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		_, total, ok := strings.Cut(rest, "total=")
		us, err := strconv.ParseInt(total, 10, 64)
		if !ok || err != nil || us < 0 || us > math.MaxInt64/int64(time.Microsecond) {
			return Pressure{}, fmt.Errorf("line %q has no total", line)
		}
		switch kind {
		case "some":
			p.Some = time.Duration(us) * time.Microsecond
		case "full":
			p.Full = time.Duration(us) * time.Microsecond
		default:
			return Pressure{}, fmt.Errorf("line %q is neither some nor full", line)
		}
		seen++
	}
	if seen == 0 {
		return Pressure{}, fmt.Errorf("it is empty")
	}
	return p, nil
}

// Read returns the text of one of the cgroup's files. It makes the bare system calls: os.ReadFile
// also registers each file with Go's poller, as cgroup files can be polled, and a sample of the
// cage reads six of them.
func (g *Group) Read(file string) (string, error) {
	path := filepath.Join(g.path, file)
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	buf := make([]byte, 0, 4096)
	for {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, cap(buf))
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return "", &fs.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return string(buf), nil
		default:
			buf = buf[:len(buf)+n]
		}
	}
}
