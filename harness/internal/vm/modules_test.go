package vm

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/base64"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeModule is an ELF file with nothing but the section .modinfo.
func fakeModule(t *testing.T, info ...string) []byte {
	t.Helper()
	const header, names = 64, "\x00.modinfo\x00.shstrtab\x00"
	text := strings.Join(info, "\x00") + "\x00"
	sections := []elf.Section64{
		{},
		{Name: 1, Type: uint32(elf.SHT_PROGBITS), Off: header, Size: uint64(len(text))},
		{Name: 10, Type: uint32(elf.SHT_STRTAB), Off: uint64(header + len(text)), Size: uint64(len(names))},
	}
	h := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_REL), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Shoff: uint64(header + len(text) + len(names)), Ehsize: header, Shentsize: 64, Shnum: 3, Shstrndx: 2,
	}
	var b bytes.Buffer
	for _, part := range []any{h, []byte(text + names), sections} {
		require.NoError(t, binary.Write(&b, binary.LittleEndian, part))
	}
	return b.Bytes()
}

// fakeKernel makes a folder such as `oomcage kernels` fills: a kernel, its configuration, and its modules by
// file with their strings of .modinfo.
func fakeKernel(t *testing.T, config string, modules map[string][]string) (kernel string) {
	t.Helper()
	kernel = filepath.Join(t.TempDir(), "vmlinuz")
	hostArch.writeKernel(t, kernel, 1)
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(kernel), "config"), []byte(config), 0o644))
	for name, info := range modules {
		file := filepath.Join(filepath.Dir(kernel), "lib/modules/6.99.0-test", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, fakeModule(t, info...), 0o644))
	}
	return kernel
}

func TestModulesComeAfterWhatTheyNeed(t *testing.T) {
	kernel := fakeKernel(t, "CONFIG_VIRTIO_MMIO=y\nCONFIG_VIRTIO_BLK=m\nCONFIG_EXT4_FS=m\n", map[string][]string{
		"kernel/drivers/block/virtio_blk.ko":    {"license=GPL", "depends=virtio_ring,virtio"},
		"kernel/drivers/virtio/virtio_ring.ko":  {"depends=virtio"},
		"kernel/drivers/virtio/virtio.ko":       {"depends="},
		"kernel/fs/ext4/ext4.ko":                {"softdep=pre: crypto-crc32c post: late", "depends=jbd2"},
		"kernel/fs/jbd2/jbd2.ko":                {"name=jbd2"},
		"kernel/crypto/crc32c-generic.ko":       {"depends="},
		"kernel/crypto/late.ko":                 {"depends="},
		"kernel/drivers/virtio/virtio_input.ko": {"depends=absent"},
	})
	modules, err := findModules(kernel, append(archAMD64.drivers[:2:2], ext4Driver))
	require.NoError(t, err)
	names := make([]string, 0, len(modules))
	for _, m := range modules {
		names = append(names, m.name)
	}
	assert.Equal(t, []string{"virtio", "virtio_ring", "virtio_blk", "jbd2", "crc32c_generic", "ext4"}, names)
}

// moduleXZ is the module of TestModulesAreCarriedUncompressed as `xz --check=crc32 --lzma2=dict=1MiB`, with which kernels
// compress theirs, makes it. Debian 13's have modules of this kind.
const moduleXZ = "/Td6WFoAAAFpIt42AgAhARAAAACocI6G4AEhAFRdAD+RRYRoPYmm2pymrC4ry8tw10gxvS4Q1+RnEqXrTRFrSYyil9zWaxZE77K4GENXyxpB0Zp0URsmerxHy84WyU6H8BVBuQ8z98xIKXpUDewjLIKnAAB34jJSAAFsogIAAACBH40cPjANiwIAAAAAAVla"

func TestModulesAreCarriedUncompressed(t *testing.T) {
	plain := fakeModule(t, "depends=a-b,c")
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, err := w.Write(plain)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	z, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	defer z.Close()
	xz, err := base64.StdEncoding.DecodeString(moduleXZ)
	require.NoError(t, err)
	bare := filepath.Join(t.TempDir(), "some-thing.ko")
	for ending, data := range map[string][]byte{"": plain, ".gz": gz.Bytes(), ".zst": z.EncodeAll(plain, nil), ".xz": xz} {
		file := bare + ending
		require.NoError(t, os.WriteFile(file, data, 0o644))
		m, err := readModule(file)
		require.NoError(t, err, ending)
		assert.Equal(t, kernelModule{name: "some_thing", file: file, data: plain, depends: []string{"a_b", "c"}}, m)
	}

	unknown := bare + ".lz4"
	require.NoError(t, os.WriteFile(unknown, plain, 0o644))
	_, err = readModule(unknown)
	assert.ErrorContains(t, err, unknown+": .lz4 is not supported")
}

func TestDriverThatTheKernelLacksIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		config  string
		modules map[string][]string
		want    string
	}{
		"not configured": {"# CONFIG_VIRTIO_BLK is not set\n", nil, "lacks the driver virtio_blk"},
		"no module file": {"CONFIG_VIRTIO_BLK=y\nCONFIG_VIRTIO_MMIO=m\n", nil, "lacks the driver virtio_mmio"},
		"a dependency is missing": {
			"CONFIG_VIRTIO_BLK=m\n", map[string][]string{"virtio_blk.ko": {"depends=virtio"}},
			"virtio_blk cannot be used: virtio_blk needs virtio: there is no module virtio in",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := findModules(fakeKernel(t, c.config, c.modules), archAMD64.drivers)
			assert.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, "lib/modules")
			assert.ErrorContains(t, err, "oomcage kernels fetch")
		})
	}
}

func TestKernelThatNeedsNoModulesGetsNone(t *testing.T) {
	kernel := fakeKernel(t, "CONFIG_VIRTIO_BLK=y\nCONFIG_VIRTIO_MMIO=y\n", nil)
	modules, err := findModules(kernel, archAMD64.drivers)
	require.NoError(t, err)
	assert.Empty(t, modules)

	kernel = fakeKernel(t, "", nil)
	modules, err = findModules(kernel, archAMD64.drivers)
	require.NoError(t, err, "nothing is known of it")
	assert.Empty(t, modules)

	list := filepath.Join(filepath.Dir(kernel), "lib/modules/6.99.0-test/modules.builtin")
	require.NoError(t, os.MkdirAll(filepath.Dir(list), 0o755))
	require.NoError(t, os.WriteFile(list, []byte("kernel/drivers/block/virtio_blk.ko\n"), 0o644))
	_, err = findModules(kernel, archAMD64.drivers)
	assert.ErrorContains(t, err, "lacks the driver virtio_mmio", "the list is complete")

	modules, err = findModules(filepath.Join(t.TempDir(), "absent"), nil)
	require.NoError(t, err, "without a disk nobody asks")
	assert.Empty(t, modules)
}
