package vm

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// seedSize is the number of bytes of a guest's seed: as many as the kernel mixes into its own at once.
const seedSize = 64

// savedGuest is the guest's side of a snapshot: it is held until the host has it go on, in the same process or in others
// that all begin here.
type savedGuest struct {
	devices map[string]string // names of the virtio devices by the serials of their disks
}

// prepareSaved does what every guest needs, before it is saved. The disks are taken from their driver: behind them
// are others when the guest goes on, of which it must not know anything by then.
func prepareSaved(j job) (*savedGuest, error) {
	err := mountAll([]mountPoint{{fstype: "sysfs", path: "/sys", perm: 0o555, flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC}})
	if err != nil {
		return nil, err
	}
	for _, file := range j.Modules {
		if err := loadModule(file); err != nil {
			return nil, err
		}
		if err := os.Remove(file); err != nil {
			return nil, err
		}
	}
	g := &savedGuest{devices: map[string]string{}}
	for _, serial := range []string{payloadSerial, swapSerial, scratchSerial} {
		dev, err := findDisk(serial)
		if err != nil {
			return nil, err
		}
		device, err := os.Readlink(filepath.Join("/sys/block", filepath.Base(dev), "device"))
		if err != nil {
			return nil, err
		}
		g.devices[serial] = filepath.Base(device)
	}
	for serial := range g.devices {
		if err := g.driver("unbind", serial); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// driver binds a disk to its driver, or unbinds it.
func (g *savedGuest) driver(what, serial string) error {
	if err := os.WriteFile("/sys/bus/virtio/drivers/virtio_blk/"+what, []byte(g.devices[serial]), 0); err != nil {
		return fmt.Errorf("%s the %s disk: %w", what, serial, err)
	}
	return nil
}

// goOn makes a guest of its own of one that was saved, as the host's word says, with what the host sends along. It
// returns the job.
func (g *savedGuest) goOn(word resumeWord) (job, error) {
	var j job
	// First of all: no other guest may see the same random numbers.
	if err := reseed(word.Seed); err != nil {
		return j, fmt.Errorf("seed the random numbers: %w", err)
	}
	if err := resumeClock(word.Now); err != nil {
		return j, err
	}
	if err := g.driver("bind", payloadSerial); err != nil {
		return j, err
	}
	dev, err := findDisk(payloadSerial)
	if err != nil {
		return j, err
	}
	if err := unpackDisk(dev); err != nil {
		return j, fmt.Errorf("unpack what came along: %w", err)
	}
	if j, err = readJob(); err != nil {
		return j, err
	}
	// Without it the other disks have the names that they have in a guest that was booted.
	if err := g.driver("unbind", payloadSerial); err != nil {
		return j, err
	}
	for _, serial := range j.Disks {
		if err := g.driver("bind", serial); err != nil {
			return j, err
		}
	}
	return j, nil
}

// reseed makes the kernel's random numbers others than those of the guest that was saved. See random(4).
func reseed(seed []byte) error {
	if len(seed) != seedSize {
		return fmt.Errorf("%d bytes instead of %d", len(seed), seedSize)
	}
	random, err := os.Open("/dev/urandom")
	if err != nil {
		return err
	}
	defer random.Close()
	info := make([]byte, 8+seedSize) // struct rand_pool_info
	binary.NativeEndian.PutUint32(info, seedSize*8)
	binary.NativeEndian.PutUint32(info[4:], seedSize)
	copy(info[8:], seed)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, random.Fd(), unix.RNDADDENTROPY, uintptr(unsafe.Pointer(&info[0]))); errno != 0 {
		return os.NewSyscallError("RNDADDENTROPY", errno)
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, random.Fd(), unix.RNDRESEEDCRNG, 0); errno != 0 {
		return os.NewSyscallError("RNDRESEEDCRNG", errno)
	}
	return nil
}

// resumeClock sets the clock, and what setClock goes by later: the guest has slept since it was saved, and does not know
// how long.
func resumeClock(now int64) error {
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return err
	}
	if err := os.Setenv(timeVariable, strconv.FormatInt(now-up.Nano(), 10)); err != nil {
		return err
	}
	return setClock()
}

// awaitWord waits until the host has this guest go on.
func awaitWord(host *frameReader) (resumeWord, error) {
	var word resumeWord
	kind, payload, err := host.next()
	if err != nil {
		return word, err
	}
	if kind != frameResume {
		return word, fmt.Errorf("%w: a frame of kind %q to go on with", errCorrupt, kind)
	}
	return word, json.Unmarshal(payload, &word)
}

// saved is called in a guest that shall be saved. It says so to the host and returns in each guest that goes on from
// there, with its job. What is wrong is the flaw of the machine.
func saved(w *frameWriter, host *frameReader, j job) (next job, flaw string, err error) {
	var g *savedGuest
	var prepareErr error
	if flaw = machineFlaw(j); flaw == "" { // else it may stop for ever at the first sleep
		if g, prepareErr = prepareSaved(j); prepareErr != nil {
			flaw = prepareErr.Error()
		}
	}
	if err := w.frame(frameHello, []byte(flaw)); err != nil {
		return j, flaw, err
	}
	word, err := awaitWord(host)
	if err != nil || g == nil {
		return j, flaw, errors.Join(err, prepareErr)
	}
	if next, err = g.goOn(word); err != nil {
		return next, "it cannot go on: " + err.Error(), nil
	}
	return next, machineFlaw(next), nil
}

// directReader reads a disk past the page cache, which would keep what is read once.
type directReader struct {
	disk *os.File
	buf  []byte // in pages of its own, as the kernel wants it
	rest []byte // of it, not yet read
}

// directSize is how much is read at once.
const directSize = 1 << 20

func openDirect(dev string) (*directReader, error) {
	fd, err := unix.Open(dev, unix.O_RDONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dev, Err: err}
	}
	buf, err := unix.Mmap(-1, 0, directSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("mmap", err)
	}
	return &directReader{disk: os.NewFile(uintptr(fd), dev), buf: buf}, nil
}

// Read reads on from the disk, past the page cache.
func (d *directReader) Read(p []byte) (int, error) {
	if len(d.rest) == 0 {
		n, err := d.disk.Read(d.buf)
		if err != nil {
			return 0, err
		}
		d.rest = d.buf[:n]
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

func (d *directReader) close() error {
	return errors.Join(d.disk.Close(), unix.Munmap(d.buf))
}

// unpackDisk unpacks the archive that the disk has.
func unpackDisk(dev string) (err error) {
	d, err := openDirect(dev)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	return unpackArchive(d, "/")
}
