// Package kmsg reads what the kernel's log says about OOM kills. The log adds to the evidence and
// never replaces the counters: half of its lines are rate-limited, records are overwritten, and
// many systems do not let it be read.
package kmsg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const device = "/dev/kmsg"

// Log reads the kernel log from where it was opened. It is for one goroutine at a time.
type Log struct {
	file   *os.File
	conn   syscall.RawConn
	buf    []byte
	parser parser
	lost   bool
}

// Open opens /dev/kmsg at its end: kills from now on are read. It fails with fs.ErrPermission for
// users who may not read it (kernel.dmesg_restrict), and with fs.ErrNotExist in most containers.
func Open() (*Log, error) { return open(io.SeekEnd) }

func open(whence int) (*Log, error) {
	// Not os.OpenFile: only a descriptor that is non-blocking already comes to Go's poller.
	fd, err := unix.Open(device, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: device, Err: err}
	}
	file := os.NewFile(uintptr(fd), device)
	// Not file.Seek, which knows the position after a seek; kmsg has none and answers 0.
	if _, err := unix.Seek(fd, 0, whence); err != nil {
		return nil, errors.Join(&os.PathError{Op: "seek", Path: device, Err: err}, file.Close())
	}
	conn, err := file.SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare to read %s: %w", device, err), file.Close())
	}
	return &Log{file: file, conn: conn, buf: make([]byte, recordSize)}, nil
}

// Close closes the log. A Wait that is under way ends with os.ErrClosed.
func (l *Log) Close() error { return l.file.Close() }

// Lost tells that the kernel has overwritten records before they were read: kills may be missing.
func (l *Log) Lost() bool { return l.lost }

// Kills returns every kill since Open, in the log's order. The kernel counts first, kills next and
// prints last, so a process may be gone for a moment before its line is here: see Wait.
func (l *Log) Kills() ([]Kill, error) {
	var err error
	if connErr := l.conn.Read(func(fd uintptr) bool {
		err = l.read(int(fd), l.parser.add)
		return true
	}); connErr != nil {
		err = connErr
	}
	return l.kills(), err
}

// Wait reads on until done, which is given the kills so far, or until the context ends. The end
// of the context is no error: it returns the kills that were read.
func (l *Log) Wait(ctx context.Context, done func([]Kill) bool) ([]Kill, error) {
	interrupted := make(chan struct{})
	var deadlineErr error
	stop := context.AfterFunc(ctx, func() {
		deadlineErr = l.file.SetReadDeadline(time.Unix(1, 0))
		close(interrupted)
	})
	var err error
	connErr := l.conn.Read(func(fd uintptr) bool {
		err = l.read(int(fd), l.parser.add)
		return err != nil || done(l.kills()) || ctx.Err() != nil
	})
	if !stop() {
		<-interrupted
		err = errors.Join(err, deadlineErr, l.file.SetReadDeadline(time.Time{}))
	}
	if connErr != nil && !errors.Is(connErr, os.ErrDeadlineExceeded) {
		err = errors.Join(err, connErr)
	}
	if err != nil {
		return l.kills(), err
	}
	return l.Kills()
}

// kills is a copy: the caller may keep it while the log is read on.
func (l *Log) kills() []Kill { return slices.Clone(l.parser.kills) }

// read hands on the records that are there now.
func (l *Log) read(fd int, record func(Record)) error {
	for {
		n, err := unix.Read(fd, l.buf)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EPIPE): // the next read goes on with the oldest record that is left
			l.lost = true
			l.parser.forget()
		case err != nil:
			return &os.PathError{Op: "read", Path: device, Err: err}
		default:
			if r, ok := parseRecord(string(l.buf[:n])); ok {
				record(r)
			}
		}
	}
}
