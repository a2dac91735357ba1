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

// The device's numbers (MEM_MAJOR, and kmsg in drivers/char/mem.c). Sandboxes put other things in its
// place: /dev/null, which ends at once and is always readable, a console, an empty file.
const deviceMajor, deviceMinor = 1, 11

// Log reads the kernel log from where it was opened. It is for one goroutine at a time.
type Log struct {
	file   *os.File
	conn   syscall.RawConn
	buf    []byte
	parser parser
	losses int
	behind bool
}

// Open opens /dev/kmsg at its end: kills from now on are read. It fails with fs.ErrPermission for
// users who may not read it (kernel.dmesg_restrict), with fs.ErrNotExist in most containers, and where
// something else than the kernel log is there.
func Open() (*Log, error) { return open(device, io.SeekEnd) }

func open(path string, whence int) (*Log, error) {
	// Not os.OpenFile: only a descriptor that is non-blocking already comes to Go's poller.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	file := os.NewFile(uintptr(fd), path)
	if err := isLog(fd); err != nil {
		return nil, errors.Join(&os.PathError{Op: "open", Path: path, Err: err}, file.Close())
	}
	// Not file.Seek, which knows the position after a seek; kmsg has none and answers 0.
	if _, err := unix.Seek(fd, 0, whence); err != nil {
		return nil, errors.Join(&os.PathError{Op: "seek", Path: path, Err: err}, file.Close())
	}
	return From(file)
}

// From reads the records of a file that does not block, and that keeps them apart as the device does: of a socket that a test writes
// to. It closes the file where it fails.
func From(file *os.File) (*Log, error) {
	conn, err := file.SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare to read %s: %w", file.Name(), err), file.Close())
	}
	return &Log{file: file, conn: conn, buf: make([]byte, recordSize)}, nil
}

// isLog says what is wrong with a file that is not the kernel log.
func isLog(fd int) error {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFCHR {
		return fmt.Errorf("it is not the kernel log: a device is needed, character %d:%d", deviceMajor, deviceMinor)
	}
	if major, minor := unix.Major(stat.Rdev), unix.Minor(stat.Rdev); major != deviceMajor || minor != deviceMinor {
		return fmt.Errorf("it is not the kernel log: the device is character %d:%d, and %d:%d is needed", major, minor, deviceMajor, deviceMinor)
	}
	return nil
}

// Close closes the log. A Wait that is under way ends with os.ErrClosed.
func (l *Log) Close() error { return l.file.Close() }

// Keep has the log keep, of the kills that are read from now on, those alone that are wanted: a log that is read for days tells of
// everybody's, each with a report of 10 KB.
func (l *Log) Keep(wanted func(Kill) bool) { l.parser.wanted = wanted }

// Losses is how often the kernel has overwritten records before they were read: kills may be missing.
func (l *Log) Losses() int { return l.losses }

// Behind reports whether the last Wait ended before it had come to the end of the log, as it grew too fast:
// kills may be missing.
func (l *Log) Behind() bool { return l.behind }

// Wait reads until done, which is given the kills since Open that are kept, in the log's order, or until the context
// ends. The kernel counts first, kills next and prints last, so a process may be gone for a moment
// before its line is here. The end of the context is no error: Wait returns the kills that were read. Of what is there
// already it reads readAtLeast records all the same.
func (l *Log) Wait(ctx context.Context, done func([]Kill) bool) ([]Kill, error) {
	err := l.wait(ctx, done)
	if err == nil && ctx.Err() != nil { // where this process was stopped, records and the end of the time have come at once
		err = l.readAll(ctx)
	}
	return l.kills(), err
}

// readAll reads what there is.
func (l *Log) readAll(ctx context.Context) error {
	var err error
	controlErr := l.conn.Control(func(fd uintptr) { err = l.read(ctx, int(fd)) })
	return errors.Join(err, controlErr)
}

func (l *Log) wait(ctx context.Context, done func([]Kill) bool) error {
	err := l.readAll(ctx)
	if err != nil || ctx.Err() != nil || done(l.kills()) {
		return err
	}
	interrupted := make(chan struct{})
	var deadlineErr error
	stop := context.AfterFunc(ctx, func() {
		deadlineErr = l.file.SetReadDeadline(time.Unix(1, 0))
		close(interrupted)
	})
	connErr := l.conn.Read(func(fd uintptr) bool {
		err = l.read(ctx, int(fd))
		return err != nil || ctx.Err() != nil || done(l.kills())
	})
	if !stop() {
		<-interrupted
		err = errors.Join(err, deadlineErr, l.file.SetReadDeadline(time.Time{}))
	}
	if connErr != nil && !errors.Is(connErr, os.ErrDeadlineExceeded) {
		err = errors.Join(err, connErr)
	}
	return err
}

// kills is a copy: the caller may keep it while the log is read on.
func (l *Log) kills() []Kill { return slices.Clone(l.parser.kills) }

// readAtLeast is how many records are read though the time is up: a machine may have stood still for all of it. The kernel reports
// 10 kills in 5 s (oom_kill_process in mm/oom_kill.c), each in about 100 lines.
const readAtLeast = 1000

// read takes in the records that are there now, as far as it gets before the context ends: what writes
// to the log may be faster.
func (l *Log) read(ctx context.Context, fd int) error {
	l.behind = true
	for n := 0; n < readAtLeast || ctx.Err() == nil; n++ {
		n, err := unix.Read(fd, l.buf)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			l.behind = false
			return nil
		case errors.Is(err, unix.EPIPE): // the next read goes on with the oldest record that is left
			l.losses++
			l.parser.forget()
		case err != nil:
			return &os.PathError{Op: "read", Path: l.file.Name(), Err: err}
		case n == 0: // the kernel's has no end
			return &os.PathError{Op: "read", Path: l.file.Name(), Err: io.ErrUnexpectedEOF}
		default:
			if r, ok := parseRecord(string(l.buf[:n])); ok {
				l.parser.add(r)
			}
		}
	}
	return nil
}
