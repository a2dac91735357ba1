package kernels

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// imageARM64 looks like a kernel for arm64, whose version is far in it. pages are 1 for 4 KiB, 2 for 16 and 3 for 64.
func imageARM64(release string, pages byte) []byte {
	b := bytes.Repeat([]byte{7}, 3<<20)
	copy(b, make([]byte, headerARM64))
	copy(b, "MZ")
	b[0x18] = pages<<1 | 8
	copy(b[0x38:], magicARM64)
	copy(b[1<<20:], bannerBegins+"%s (%s)\n")                             // the format by which it is printed
	copy(b[2<<20-len(bannerBegins)-3:], bannerBegins+release+" (b@h) #1") // across what is read at once
	return b
}

func packed(t *testing.T, image []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(image)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// selfUnpacking is an EFI program that unpacks the image, as Documentation/arch/arm64 calls zboot.
func selfUnpacking(t *testing.T, how string, image []byte) []byte {
	t.Helper()
	payload := packed(t, image)
	if how != "gzip" {
		z, err := zstd.NewWriter(nil)
		require.NoError(t, err)
		payload = z.EncodeAll(image, nil)
	}
	b := make([]byte, 0x400)
	copy(b, "MZ\x00\x00zimg")
	binary.LittleEndian.PutUint32(b[8:], 0x400)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(payload)))
	copy(b[24:], how)
	return append(append(b, payload...), "a signature"...)
}

func TestAnImageForArm64SaysItsVersionAndItsPages(t *testing.T) {
	const release = "6.12.117+deb13-arm64-16k"
	dir := t.TempDir()
	plain := imageARM64(release, 2)
	for name, data := range map[string][]byte{
		"plain": plain, "gzip": packed(t, plain), "zboot": selfUnpacking(t, "gzip", plain), "zboot22": selfUnpacking(t, "zstd22", plain),
	} {
		file := mustWrite(t, filepath.Join(dir, name), data)
		require.NoError(t, Check(file, ARM64), name)
		require.ErrorContains(t, Check(file, AMD64), "is not an x86 kernel image (bzImage): it is an arm64 kernel image (Image)", name)
		got, err := Release(file)
		require.NoError(t, err, name)
		assert.Equal(t, release, got, name)
		size, err := PageSize(file)
		require.NoError(t, err)
		assert.Equal(t, int64(16<<10), size, name)
	}
	for pages, want := range map[byte]int64{0: 4 << 10, 1: 4 << 10, 2: 16 << 10, 3: 64 << 10} {
		size, err := PageSize(mustWrite(t, filepath.Join(dir, "pages"), imageARM64(release, pages)))
		require.NoError(t, err)
		assert.Equal(t, want, size)
	}
	x86 := mustWrite(t, filepath.Join(dir, "x86"), image("6.1.0-9-cloud-amd64"))
	require.ErrorContains(t, Check(x86, ARM64), "is not an arm64 kernel image (Image): it is an x86 kernel image (bzImage)")
	size, err := PageSize(x86)
	require.NoError(t, err)
	assert.Equal(t, int64(4096), size)
	_, err = Release(mustWrite(t, filepath.Join(dir, "mute"), imageARM64("", 1)))
	require.ErrorContains(t, err, "does not say which version it is")
	for name, data := range map[string][]byte{"text": []byte("text"), "damaged": packed(t, plain)[:20], "long text": bytes.Repeat([]byte("text"), 1000)} {
		require.ErrorContains(t, Check(mustWrite(t, filepath.Join(dir, name), data), ARM64), name+" is not an arm64 kernel image (Image)")
	}
}

func TestKernelsForAnotherProcessorComeFromDebiansSuitesAlone(t *testing.T) {
	const small, large = "6.12.9+deb13-cloud-arm64", "6.12.9+deb13-arm64-16k"
	a, s := newArchive(t), newStore(t)
	s.arch = ARM64
	for release, pages := range map[string]byte{small: 1, large: 2} {
		files := whole(release)
		files["./boot/vmlinuz-"+release] = string(packed(t, imageARM64(release, pages)))
		a.has(t, map[string]map[string]string{"linux-image-" + release: files})
	}
	for what, want := range map[string]string{"6.12": "6.12 " + small, "6.12-16k": "6.12-16k " + large, Newest: "6.12 " + small} {
		have, err := s.Fetch(t.Context(), what, false, silent)
		require.NoError(t, err, a.log(t))
		assert.Equal(t, []string{want}, named(have), what)
		head := make([]byte, 2)
		f, err := os.Open(have[0].Image)
		require.NoError(t, err)
		_, err = f.Read(head)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		assert.Equal(t, "MZ", string(head), "it is unpacked: QEMU takes not each packing")
	}
	suites, err := os.ReadFile(a.file("suites"))
	require.NoError(t, err)
	for _, suite := range []string{"bookworm", "trixie", "sid"} {
		assert.Contains(t, string(suites), " http://mirror.example/debian "+suite+" main\n")
	}
	assert.Equal(t, strings.Count(string(suites), "\n"), strings.Count(string(suites), "deb [arch=arm64"))
	conf, err := os.ReadFile(a.file("suites-conf"))
	require.NoError(t, err)
	assert.Contains(t, string(conf), "APT::Architectures:: \"arm64\";\n")
	assert.Contains(t, string(conf), "sources: zz-kernels.list\n", "none of the machine's own")

	_, err = s.Fetch(t.Context(), "6.9-16k", false, silent)
	require.ErrorContains(t, err, "have no linux-image-6.9.…-arm64-16k\n  to help: ")
	mustWrite(t, a.file("targets"), []byte("Ubuntu|Ubuntu|noble|http://mirror.example/ubuntu\n"))
	_, err = s.Fetch(t.Context(), "6.1", false, silent)
	require.ErrorContains(t, err, "this machine's package sources are not Debian's, whose kernels for arm64 are fetched\n  to help: oomcage kernels add")
	s.arch = AMD64
	_, err = s.Fetch(t.Context(), "6.12-16k", false, silent)
	require.ErrorContains(t, err, "is no kernel that can be fetched")
}

func TestTheChecksumsThatAFileSystemNeedsGoAlong(t *testing.T) {
	for file, needed := range map[string]bool{
		"kernel/lib/crc16.ko.xz": true, "kernel/crypto/crc32c_generic.ko": true, "kernel/arch/arm64/lib/crc-t10dif.ko.xz": true,
		"kernel/arch/x86/crypto/crc32c-intel.ko": true, "kernel/fs/ext4/ext4.ko.xz": true,
		"kernel/lib/zlib.ko": false, "kernel/crypto/aes.ko": false, "kernel/drivers/net/crc.ko": false,
	} {
		require.Equal(t, needed, stagingPath("lib/modules/6.12/"+file) != "", file)
	}
}
