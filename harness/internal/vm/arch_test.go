package vm

import (
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/kernels"
)

// otherArch is one that this machine has not got.
func otherArch() arch {
	if hostArch.name == kernels.ARM64 {
		return archAMD64
	}
	return archARM64
}

func TestAMachineIsOfItsProcessor(t *testing.T) {
	m := machine{
		arch: archARM64, qemu: "/q", kernel: "/k", initramfs: "/i", console: "/c", memory: 1 << 30, cpus: 2,
		accel: accelTCG, disks: []disk{{swapSerial, "/s"}},
	}
	line := m.commandLine()
	for _, want := range []string{
		"-M virt,gic-version=3 -accel tcg -cpu max,pauth-impdef=on ", "console=ttyAMA0 ", "-device pci-serial,chardev=stream ",
		"virtio-blk-pci,drive=swap,serial=swap", "norandmaps",
	} {
		assert.Contains(t, line, want)
	}
	for _, x86 := range []string{"no_timer_check", "clearcpuid", "reboot=t", "tsc", "lpj", "microvm", "isa-serial", "erms"} {
		assert.NotContains(t, line, x86)
	}
	m.accel = accelKVM
	assert.Contains(t, m.commandLine(), "-M virt,gic-version=max -accel kvm -cpu host ")
	m.arch = archAMD64
	assert.Contains(t, m.commandLine(), "-M microvm,rtc=on -accel kvm -cpu host ")
	m.accel = accelTCG
	assert.Contains(t, m.commandLine(), "-M microvm,rtc=on -accel tcg,thread=single -cpu max,-erms,-fsrm ")
	assert.Contains(t, m.commandLine(), "console=ttyS0 loglevel=4 panic=-1 panic_print=0x20 reboot=t rdinit=/init psi=1 cryptomgr.notests no_timer_check clearcpuid=141 norandmaps")
}

func TestTheProcessorOfAGuestIsAskedFor(t *testing.T) {
	host, err := findArch("")
	require.NoError(t, err)
	assert.Equal(t, kernels.Host, host.name)
	assert.False(t, host.foreign())
	other := otherArch()
	got, err := findArch(string(other.name))
	require.NoError(t, err)
	assert.True(t, got.foreign())
	_, err = findArch("riscv64")
	require.ErrorContains(t, err, "-arch is amd64 or arm64, not riscv64")
	assert.Equal(t, []string{"-arch", string(other.name)}, Options{Arch: string(other.name)}.machineFlags(), "a failed test says how to run it again")
	assert.Empty(t, Options{Arch: string(kernels.Host)}.machineFlags())
}

func TestAGuestOfAnotherProcessorIsEmulated(t *testing.T) {
	m := machine{arch: otherArch(), qemu: "/no/such/qemu"}
	for _, asked := range []string{"", "auto", accelTCG} {
		accel, note, err := chooseAccel(t.Context(), asked, m)
		require.NoError(t, err)
		assert.Equal(t, accelTCG, accel)
		assert.Empty(t, note, "it was asked for")
	}
	_, _, err := chooseAccel(t.Context(), accelKVM, m)
	require.ErrorContains(t, err, "and emulates "+string(m.arch.name))
}

// writeELF writes an executable that is linked with nothing, or with the interpreter, and has such entries in its dynamic table.
func writeELF(t *testing.T, machine elf.Machine, interp string, dynamic ...elf.Dyn64) string {
	t.Helper()
	const header, entry = 64, 56
	h := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT), Ehsize: header,
	}
	var progs []elf.Prog64
	if interp != "" {
		h.Phoff, h.Phentsize, h.Phnum = header, entry, 2
		progs = []elf.Prog64{
			{Type: uint32(elf.PT_INTERP), Off: header + 2*entry, Filesz: uint64(len(interp))}, {
				Type: uint32(elf.PT_DYNAMIC), Off: header + 2*entry + uint64(len(interp)), Filesz: uint64(16 * len(dynamic)),
			},
		}
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "program"))
	require.NoError(t, err)
	defer f.Close()
	for _, part := range []any{h, progs, []byte(interp), dynamic} {
		require.NoError(t, binary.Write(f, binary.LittleEndian, part))
	}
	require.NoError(t, f.Chmod(0o755))
	return f.Name()
}

func TestAProgramForAnotherProcessorIsToldHowItRuns(t *testing.T) {
	other := otherArch()
	own, foreign := writeELF(t, hostArch.elf, ""), writeELF(t, other.elf, "")
	for _, c := range []struct {
		guest arch
		file  string
		want  string
	}{
		{hostArch, own, ""},
		{other, foreign, ""},
		{hostArch, foreign, "program is for " + string(other.name) + ", and the guest is " + string(hostArch.name) +
			"\n  to help: boot a guest of its processor: -arch " + string(other.name)},
		{other, own, "program is for " + string(hostArch.name) + ", and the guest is " + string(other.name) + "\n  to help: compile it for the guest: GOARCH=" +
			string(other.name) + " go test -exec 'oomcage vm -arch " + string(other.name) + "' ./..."},
		{archAMD64, writeELF(t, elf.EM_386, ""), ""}, // its kernel runs those of 32 bits
		{archARM64, writeELF(t, elf.EM_ARM, ""), ""},
	} {
		got, err := c.guest.program(c.file, "/init")
		if c.want != "" {
			require.ErrorContains(t, err, c.want)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, c.file, got)
	}
	got, err := other.program(mustSelf(t), "/init")
	require.NoError(t, err)
	assert.Equal(t, "/init", got, "this command itself is there as init")
}

func TestWhatIsAddedToAGuestOfAnotherProcessorIsForIt(t *testing.T) {
	other := otherArch()
	got, err := other.needs(t.Context(), writeELF(t, other.elf, ""))
	require.NoError(t, err)
	assert.Empty(t, got)
	_, err = other.needs(t.Context(), writeELF(t, hostArch.elf, ""))
	require.ErrorContains(t, err, "is for "+string(hostArch.name))
	_, err = other.needs(t.Context(), writeELF(t, other.elf, other.glibc+"\x00"))
	require.ErrorContains(t, err, "is linked with shared libraries for "+string(other.name)+", which this machine cannot look up: link it statically")
	got, err = hostArch.needs(t.Context(), writeELF(t, other.elf, ""))
	require.NoError(t, err, "to a guest of this one's it is data")
	assert.Empty(t, got)
}

// mkswap writes the same on a machine of that page size: the header is the first page, whose last bytes are its magic.
func TestASwapDeviceHasThePagesOfTheGuest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "swap")
	require.NoError(t, makeSwap(file, 8<<20+5000, 16<<10))
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Len(t, data, 8<<20, "whole pages")
	assert.Equal(t, uint32(511), binary.LittleEndian.Uint32(data[1028:]), "last page")
	assert.Equal(t, "SWAPSPACE2", string(data[16<<10-10:16<<10]))
	assert.NotContains(t, string(data[:4096]), "SWAPSPACE2")
}

func TestThePagesOfAKernelForArm64HaveFourKiBUnlessAskedFor(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("OOMCAGE_KERNEL", "")
	store, err := kernels.User(kernels.ARM64)
	require.NoError(t, err)
	small, large := filepath.Join(store.Dir(), "6.12", "vmlinuz"), filepath.Join(store.Dir(), "6.12-16k", "vmlinuz")
	archARM64.writeKernel(t, large, 2)
	got, err := archARM64.findKernel("")
	require.NoError(t, err)
	assert.Equal(t, large, got, "there is no other")
	archARM64.writeKernel(t, small, 1)
	for asked, want := range map[string]string{"": small, "6.12": small, "6.12-16k": large} {
		got, err := archARM64.findKernel(asked)
		require.NoError(t, err)
		assert.Equal(t, want, got, asked)
	}
	_, err = archAMD64.findKernel(small)
	require.ErrorContains(t, err, "vmlinuz is not an x86 kernel image (bzImage): it is an arm64 kernel image (Image)")
	_, err = otherArch().findKernel("6.1")
	require.ErrorContains(t, err, "to help: oomcage kernels fetch --arch "+string(otherArch().name)+" 6.1")
}

func TestOfTheInitsThatAreKeptTheOldestGo(t *testing.T) {
	dir := t.TempDir()
	for _, name := range strings.Fields("init-1 init-2 init-3 init-4 init-5 other") {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
	}
	require.NoError(t, pruneInits(dir))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, maxInits+1)
}
