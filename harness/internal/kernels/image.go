package kernels

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"
)

// Check opens the file and looks for the magic of a kernel image of this processor.
func Check(file string, a Arch) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	found, err := archOf(f)
	switch {
	case err != nil:
		return fmt.Errorf("read %s: %w", file, err)
	case found == a:
		return nil
	case found != "":
		return fmt.Errorf("%s is not %s: it is %s", file, a.image(), found.image())
	}
	return fmt.Errorf("%s is not %s", file, a.image())
}

// archOf is the processor that a kernel image is for; "" where it is none.
func archOf(f *os.File) (Arch, error) {
	var magic [4]byte
	if _, err := f.ReadAt(magic[:], 0x202); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if string(magic[:]) == "HdrS" {
		return AMD64, nil
	}
	if _, err := headARM64(f); err == nil {
		return ARM64, nil
	}
	return "", nil
}

// Release reads from the kernel image what uname -r will print.
func Release(image string) (string, error) {
	f, err := os.Open(image)
	if err != nil {
		return "", err
	}
	defer f.Close()
	read := releaseAMD64
	if a, err := archOf(f); err == nil && a == ARM64 {
		read = releaseARM64
	}
	release, err := read(f)
	if err != nil {
		return "", fmt.Errorf("read the version of %s: %w", image, err)
	}
	if release == "" {
		return "", errors.New(image + " does not say which version it is")
	}
	return release, nil
}

// releaseAMD64 is the first word of the string that the boot protocol's field kernel_version points to.
func releaseAMD64(f *os.File) (string, error) {
	var field [2]byte
	if _, err := f.ReadAt(field[:], 0x20e); err != nil {
		return "", err
	}
	offset := int64(field[0]) | int64(field[1])<<8
	if _, err := f.Seek(offset+0x200, io.SeekStart); err != nil {
		return "", err
	}
	text, err := bufio.NewReader(f).ReadBytes(0)
	if word := bytes.Fields(bytes.TrimRight(text, "\x00")); err == nil && offset != 0 && len(word) > 0 {
		return string(word[0]), nil
	}
	return "", nil
}

// PageSize is the size of a page on this kernel, in bytes.
func PageSize(image string) (int64, error) {
	f, err := os.Open(image)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	head, err := headARM64(f)
	if err != nil {
		return 4096, nil // x86-64 has no other
	}
	return pagesOf(head), nil
}

// An arm64 kernel image (Documentation/arch/arm64/booting.rst) has its magic at 0x38, and its flags at 0x18, where bits 1 and
// 2 are the size of its pages. It does not say its version elsewhere than in its data.
const (
	magicARM64   = "ARM\x64"
	headerARM64  = 64 // bytes
	bannerBegins = "Linux version "
)

// pagesOf is the size of a page; one that the image does not name is the usual one.
func pagesOf(head []byte) int64 {
	switch binary.LittleEndian.Uint64(head[0x18:]) >> 1 & 3 {
	case 2:
		return 16 << 10
	case 3:
		return 64 << 10
	default:
		return 4 << 10
	}
}

// headARM64 is the header of an arm64 kernel image.
func headARM64(f *os.File) ([]byte, error) {
	r, _, err := openARM64(f)
	if err != nil {
		return nil, err
	}
	head := make([]byte, headerARM64)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	if string(head[0x38:0x3c]) != magicARM64 {
		return nil, errors.New("it is not an arm64 kernel image")
	}
	return head, nil
}

// openARM64 returns a reader of the arm64 kernel image that a file has, and whether it is packed there: Ubuntu packs it with
// gzip, and Fedora into an EFI program that unpacks itself, whose header says "zimg", where the packed image begins, how
// long it is, and how it is packed.
func openARM64(f io.ReaderAt) (image io.Reader, packed bool, err error) {
	var head [headerARM64]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, false, err
	}
	switch {
	case head[0] == 0x1f && head[1] == 0x8b:
		image, err = gzip.NewReader(io.NewSectionReader(f, 0, 1<<40))
		return image, true, err
	case string(head[:2]) == "MZ" && string(head[4:8]) == "zimg":
		begin, size := binary.LittleEndian.Uint32(head[8:]), binary.LittleEndian.Uint32(head[12:])
		name, _, _ := strings.Cut(string(head[24:32]), "\x00")
		if name == "gzip" {
			name = "gz"
		}
		image, err = Uncompress(io.NewSectionReader(f, int64(begin), int64(size)), "."+strings.Replace(name, "zstd22", "zst", 1), "")
		return image, true, err
	}
	return io.NewSectionReader(f, 0, 1<<40), false, nil
}

// unpackARM64 puts the image itself in the place of a packed one, which not each QEMU boots.
func unpackARM64(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	image, packed, err := openARM64(f)
	if err != nil || !packed {
		return err
	}
	to, err := os.OpenFile(file+".unpacked", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, image)
	return errors.Join(err, to.Close(), os.Rename(to.Name(), file))
}

// releaseARM64 finds the banner that the kernel prints first, and returns its third word.
func releaseARM64(f *os.File) (string, error) {
	r, _, err := openARM64(f)
	if err != nil {
		return "", err
	}
	const most = len(bannerBegins) + 128 // of a banner, as far as it is looked at
	buf := make([]byte, 1<<20)
	kept := 0
	for {
		n, err := io.ReadFull(r, buf[kept:])
		text := buf[:kept+n]
		for rest := text; ; {
			i := bytes.Index(rest, []byte(bannerBegins))
			if i < 0 {
				break
			}
			rest = rest[i+len(bannerBegins):]
			word, _, whole := bytes.Cut(rest, []byte(" "))
			if whole && len(word) > 0 && word[0] >= '0' && word[0] <= '9' && nameOf.Match(word) {
				return string(word), nil
			}
		}
		if err != nil { // its end
			return "", nil
		}
		kept = copy(buf, text[len(text)-most:])
	}
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
