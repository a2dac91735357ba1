package vm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// useDisks loads the modules that the host sent, turns swap on and mounts the scratch disk.
func useDisks(j job) error {
	for _, file := range j.Modules {
		if err := loadModule(file); err != nil {
			return err
		}
	}
	if slices.Contains(j.Disks, swapSerial) {
		dev, err := findDisk(swapSerial)
		if err != nil {
			return err
		}
		if err := swapOn(dev); err != nil {
			return err
		}
	}
	if !slices.Contains(j.Disks, scratchSerial) {
		return nil
	}
	dev, err := findDisk(scratchSerial)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(guestDisk, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(dev, guestDisk, "ext4", 0, ""); err != nil {
		if errors.Is(err, unix.ENODEV) {
			err = fmt.Errorf("%w: the kernel lacks ext4", err)
		}
		return fmt.Errorf("mount the scratch disk %s: %w", dev, err)
	}
	if err := os.Mkdir(guestScratch, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(guestScratch, 0o777|fs.ModeSticky); err != nil {
		return err
	}
	if !j.WorkOnDisk {
		return nil
	}
	return moveToDisk(j.Dir, guestWork)
}

// loadModule loads a module unless the kernel has it.
func loadModule(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	err = unix.FinitModule(int(f.Fd()), "", 0)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("load the kernel module %s: %w", filepath.Base(file), err)
	}
	return nil
}

// findDisk returns the device of the virtio disk with this serial. A driver has found its devices by the
// time that it is loaded, or that init runs.
func findDisk(serial string) (string, error) {
	files, _ := filepath.Glob("/sys/block/vd*/serial") // the pattern is ours
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		if strings.TrimSpace(string(data)) == serial {
			return filepath.Join("/dev", filepath.Base(filepath.Dir(file))), nil
		}
	}
	return "", fmt.Errorf("the kernel found no %s disk: it lacks the driver virtio_blk or virtio_mmio; "+
		"another kernel helps: "+fetchKernel+" brings Debian's", serial)
}

func swapOn(dev string) error {
	path, err := unix.BytePtrFromString(dev)
	if err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_SWAPON, uintptr(unsafe.Pointer(path)), 0, 0); errno != 0 {
		return fmt.Errorf("turn swap on with %s: %w", dev, errno)
	}
	return nil
}
