package kernels

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"

	"oomcage/harness/internal/advise"
)

// CheckProcessor returns nil for the processor of the microVM, as GOARCH names it: the kernels are for that one, and
// this executable is the guest's init.
func CheckProcessor(arch string) error {
	if arch == "amd64" {
		return nil
	}
	return advise.New("found an executable for "+arch+", but the microVM is an x86-64 machine and runs what this one does",
		"an x86-64 machine; or, on one with cgroup v2, as root or in a delegated cgroup, run the program or `go test` without the microVM")
}

// Check opens the file and looks for the magic of an x86 kernel image.
func Check(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var magic [4]byte
	if _, err := f.ReadAt(magic[:], 0x202); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if string(magic[:]) != "HdrS" {
		return fmt.Errorf("%s is not an x86 kernel image (bzImage)", file)
	}
	return nil
}

// Release reads from the kernel image what uname -r will print: the first word of the string that the boot
// protocol's field kernel_version points to.
func Release(image string) (string, error) {
	f, err := os.Open(image)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var field [2]byte
	if _, err := f.ReadAt(field[:], 0x20e); err != nil {
		return "", fmt.Errorf("read the version of %s: %w", image, err)
	}
	offset := int64(field[0]) | int64(field[1])<<8
	if _, err := f.Seek(offset+0x200, io.SeekStart); err != nil {
		return "", err
	}
	text, err := bufio.NewReader(f).ReadBytes(0)
	if word := bytes.Fields(bytes.TrimRight(text, "\x00")); err == nil && offset != 0 && len(word) > 0 {
		return string(word[0]), nil
	}
	return "", errors.New(image + " does not say which version it is")
}

// Uncompress returns a reader of the file's content. Its ending says how it is compressed; bare is the ending of an
// uncompressed one.
func Uncompress(r io.Reader, ending, bare string) (io.Reader, error) {
	switch ending {
	case bare:
		return r, nil
	case ".xz":
		return xz.NewReader(r, 0)
	case ".gz":
		return gzip.NewReader(r)
	case ".zst":
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) // which starts no goroutine
		return d, err
	default:
		return nil, fmt.Errorf("%s is not supported, only .xz, .gz and .zst", ending)
	}
}
