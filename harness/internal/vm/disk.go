package vm

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// disk is a virtio disk of the guest, whose image is a sparse file on the host.
type disk struct {
	serial string // by which the guest tells the disks apart
	file   string
}

// Serials of the disks.
const (
	swapSerial    = "swap"
	scratchSerial = "scratch"
)

// blockSize is that of the file system of -scratch. Each kernel takes it, whatever its pages are.
const blockSize = 4096

// makeDisks makes what -swap and -scratch ask for, below dir. pageSize is that of the guest's kernel.
func makeDisks(ctx context.Context, o Options, dir string, pageSize int64) ([]disk, error) {
	var disks []disk
	if o.Swap != 0 {
		d := disk{swapSerial, filepath.Join(dir, "swap.img")}
		if err := makeSwap(d.file, o.Swap, pageSize); err != nil {
			return nil, fmt.Errorf("make the swap device: %w", err)
		}
		disks = append(disks, d)
	}
	if o.Scratch != 0 {
		d := disk{scratchSerial, filepath.Join(dir, "scratch.img")}
		if err := makeExt4(ctx, d.file, o.Scratch); err != nil {
			return nil, err
		}
		disks = append(disks, d)
	}
	return disks, nil
}

// drivers returns what the kernel needs for the disks that o asks for.
func (o Options) drivers(a arch) []driver {
	var needed []driver
	if o.Swap != 0 || o.Scratch != 0 {
		needed = slices.Concat(needed, a.drivers)
	}
	if o.Scratch != 0 {
		needed = append(needed, ext4Driver)
	}
	return needed
}

// makeSparse makes a file of whole pages, or blocks, that takes no room yet.
func makeSparse(file string, size, unit int64) (*os.File, error) {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(size / unit * unit); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// makeSwap does what mkswap does on a machine of that page size.
func makeSwap(file string, size, pageSize int64) error {
	f, err := makeSparse(file, size, pageSize)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(swapHeader(size/pageSize, pageSize)); err != nil {
		return err
	}
	return f.Close()
}

// swapHeader is the first page of a swap device of so many pages: union swap_header of linux/swap.h,
// version 1, without a UUID, a label and bad pages.
func swapHeader(pages, pageSize int64) []byte {
	page := make([]byte, pageSize)
	info := page[1024:] // before it lies room for a boot loader
	binary.LittleEndian.PutUint32(info[0:], 1)
	binary.LittleEndian.PutUint32(info[4:], uint32(pages-1)) // the last page
	copy(page[pageSize-10:], "SWAPSPACE2")
	return page
}

// makeExt4 formats the file as mkfs.ext4 does, which needs no root for a file.
func makeExt4(ctx context.Context, file string, size int64) error {
	mkfs, err := findMkfs("/usr/sbin", "/sbin")
	if err != nil {
		return err
	}
	f, err := makeSparse(file, size, blockSize)
	if err != nil {
		return fmt.Errorf("make the scratch disk: %w", err)
	}
	f.Close()
	// Blocks of 4 KiB, as on larger disks; nothing kept for root, who is alone; nothing left to be done by
	// the guest's kernel in the background, where it would disturb what is measured.
	cmd := exec.CommandContext(ctx, mkfs, "-q", "-F", "-b", fmt.Sprint(blockSize), "-m", "0",
		"-E", "lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0", file)
	if output, err := cmd.CombinedOutput(); err != nil {
		return failure(noDisk, fmt.Sprintf("format the scratch disk with %s: %v", mkfs, err), "another size: -scratch 512M").with(string(output))
	}
	return nil
}

// findMkfs returns the path of mkfs.ext4, also from folders that a user's PATH often leaves out.
func findMkfs(elsewhere ...string) (string, error) {
	name := mkfsPackage.program
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for _, dir := range elsewhere {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", failure(noDisk, fmt.Sprintf("%s is missing, which -scratch needs: %v", name, err), mkfsPackage.installHere())
}
