package cgroup

import (
	"encoding/binary"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Births tells of cgroups that are made and removed right below one. It reads only.
type Births struct {
	// Changed holds one wake-up at most.
	Changed <-chan struct{}

	file *os.File
	done chan struct{}

	mu   sync.Mutex
	gone map[string]bool
	lost bool // the kernel's queue was too short
}

// WatchBirths begins to watch. It is to be closed.
func (g *Group) WatchBirths() (*Births, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	if _, err := unix.InotifyAddWatch(fd, g.path, unix.IN_CREATE|unix.IN_DELETE|unix.IN_ONLYDIR|unix.IN_DELETE_SELF); err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "watch", Path: g.path, Err: err}
	}
	changed := make(chan struct{}, 1)
	b := &Births{Changed: changed, file: os.NewFile(uintptr(fd), "inotify"), done: make(chan struct{}), gone: map[string]bool{}}
	go b.read(changed)
	return b, nil
}

func (b *Births) read(changed chan<- struct{}) {
	defer close(b.done)
	buf := make([]byte, 64<<10)
	for {
		n, err := b.file.Read(buf)
		if err != nil {
			return
		}
		b.take(buf[:n])
		select {
		case changed <- struct{}{}:
		default:
		}
	}
}

// take reads what inotify(7) calls struct inotify_event.
func (b *Births) take(events []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(events) >= unix.SizeofInotifyEvent {
		mask := binary.NativeEndian.Uint32(events[4:])
		end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(events[12:]))
		if end > len(events) {
			return
		}
		name := strings.TrimRight(string(events[unix.SizeofInotifyEvent:end]), "\x00")
		switch {
		case mask&unix.IN_Q_OVERFLOW != 0:
			b.lost = true
		case mask&unix.IN_DELETE != 0 && mask&unix.IN_ISDIR != 0:
			b.gone[name] = true
		}
		events = events[end:]
	}
}

// Gone counts the cgroups other than the one of that name that were removed, and says whether that is all: too many
// at once are not told of.
func (b *Births) Gone(except string) (n int, all bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n = len(b.gone)
	if b.gone[except] {
		n--
	}
	return n, !b.lost
}

// Close ends the watch.
func (b *Births) Close() {
	b.file.Close()
	<-b.done
}
