package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Kept is a flat-keyed file that is held open: to read it again takes a quarter of what it takes to open it as well.
// It may be nil, which has no counters. When its cgroup is removed it answers ENODEV.
type Kept struct {
	path string
	fd   int
}

// Keep opens a file to be read again and again, by one goroutine at a time.
func (g *Group) Keep(file string) (*Kept, error) {
	path := filepath.Join(g.path, file)
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return &Kept{path, fd}, nil
}

// Counter reads one counter. The file is one page at most.
func (k *Kept) Counter(key string) (uint64, error) {
	if k == nil {
		return 0, errors.ErrUnsupported
	}
	var buf [4096]byte
	n, err := unix.Pread(k.fd, buf[:], 0)
	if err != nil {
		return 0, &fs.PathError{Op: "read", Path: k.path, Err: err}
	}
	counters, err := parseKeyed(string(buf[:n]))
	if err != nil {
		return 0, fmt.Errorf("parse %s: %w", k.path, err)
	}
	return counters[key], nil
}

// Close closes the file.
func (k *Kept) Close() {
	if k != nil {
		unix.Close(k.fd)
	}
}
