package vm

import (
	"cmp"
	"debug/elf"
	"fmt"
	"os"

	"oomcage/harness/internal/kernels"
)

// arch is what differs between the guests of one processor and another.
type arch struct {
	name kernels.Arch
	qemu aPackage
	// QEMU's machine with KVM and where it emulates, and then its processor and its way of it.
	boardKVM, boardTCG string
	cpuTCG, tcg        string
	console            string   // the kernel's name of the first serial port
	second             string   // QEMU's device of the second
	line               string   // which is this in the guest
	params             []string // parameters of the kernel
	emulated           []string // the same where QEMU emulates
	disk               string   // QEMU's device of a disk
	drivers            []driver // of it
	elf                elf.Machine
	glibc, musl        string // interpreters of programs that are linked with these C libraries
}

var archAMD64 = arch{
	name:     kernels.AMD64,
	qemu:     aPackage{"qemu-system-x86_64", "qemu-system-x86", "qemu-system-x86-core"},
	boardKVM: "microvm,rtc=on", boardTCG: "microvm,rtc=on",
	// With "enhanced rep movsb" the kernel clears and copies memory by instructions that QEMU runs byte by byte,
	// without it by words, which fills memory twice as fast, and huge pages 6 times (2026-11).
	cpuTCG: "max,-erms,-fsrm",
	// With a thread for each CPU, QEMU before 8.1 may run a breakpoint that another CPU has patched away
	// already. The kernel patches itself while it boots, and panicked in one of 107 boots: "Oops: int3".
	tcg:     "tcg,thread=single",
	console: "ttyS0",
	second:  "isa-serial,index=1",
	line:    "/dev/ttyS1",
	// microvm has no keyboard controller to reset through, and no reset in ACPI.
	params: []string{"reboot=t"},
	// While it boots, the kernel waits 40 ms by the host's clock for a few timer interrupts and panics
	// without them. On a busy host QEMU may not get to send any. A KVM guest omits the check itself.
	//
	// After a cmpxchg16b, QEMU 7.2 has bits of another register in the flags until an instruction sets them anew. A kernel
	// panicked right behind one: "PANIC: double fault", with EFLAGS of 3f23a242 (2026-11). So the kernel is told that there is
	// none (CX16, bit 13 of its word 4); programs still have it.
	emulated: []string{"no_timer_check", "clearcpuid=141"},
	disk:     "virtio-blk-device",
	drivers:  []driver{{"virtio_blk", "CONFIG_VIRTIO_BLK"}, {"virtio_mmio", "CONFIG_VIRTIO_MMIO"}},
	elf:      elf.EM_X86_64,
	glibc:    "/lib64/ld-linux-x86-64.so.2", musl: "/lib/ld-musl-x86_64.so.1",
}

// archARM64 has QEMU's virt machine, which has one serial port for the guest. The second is on the PCI bus, as are the disks:
// Debian's, Ubuntu's and Fedora's kernels have the drivers built in of what hangs there, and virtio_mmio as a module.
var archARM64 = arch{
	name: kernels.ARM64,
	qemu: aPackage{"qemu-system-aarch64", "qemu-system-arm", "qemu-system-aarch64-core"},
	// With KVM the interrupt controller is the host's.
	boardKVM: "virt,gic-version=max", boardTCG: "virt,gic-version=3",
	// A pointer that the kernel signs takes QEMU a cipher of many rounds, unless it may take one of its own.
	cpuTCG:  "max,pauth-impdef=on",
	tcg:     "tcg",
	console: "ttyAMA0",
	second:  "pci-serial",
	line:    "/dev/ttyS0",
	disk:    "virtio-blk-pci",
	drivers: []driver{{"virtio_blk", "CONFIG_VIRTIO_BLK"}, {"virtio_pci", "CONFIG_VIRTIO_PCI"}},
	elf:     elf.EM_AARCH64,
	glibc:   "/lib/ld-linux-aarch64.so.1", musl: "/lib/ld-musl-aarch64.so.1",
}

// arches are the guests that there are.
var arches = map[kernels.Arch]arch{kernels.AMD64: archAMD64, kernels.ARM64: archARM64}

// hostArch is this machine's; its zero value where no guest has that processor.
var hostArch = arches[kernels.Host]

// findArch returns the one that the user asked for; "" is this machine's.
func findArch(name string) (arch, error) {
	if name == "" {
		return hostArch, kernels.Host.Check()
	}
	a, ok := arches[kernels.Arch(name)]
	if !ok {
		return a, failure(badRequest, "-arch is amd64 or arm64, not "+name, "")
	}
	return a, kernels.Host.Check()
}

// foreign reports whether the guest has another processor than the host, so that it is emulated, and what the host
// compiles for itself does not run there.
func (a arch) foreign() bool { return a.name != kernels.Host }

// program returns the executable that the guest runs of a program of the host: this command's own is there as its init.
func (a arch) program(file, init string) (string, error) {
	self, err := os.Executable()
	if err == nil && a.foreign() && samePath(file, self) {
		return init, nil
	}
	e, err := elf.Open(file)
	if err != nil {
		return file, nil // a script, or what is said when it is added
	}
	defer e.Close()
	of := archOf(e.Machine)
	if of == a.name || of == "" {
		return file, nil // also one of 32 bits (EM_386 on x86-64), which the guest's kernel may run
	}
	if !a.foreign() {
		return "", failure(notThere, a.notHere(file, e.Machine).Error(), "boot a guest of its processor: -arch "+string(of))
	}
	return "", failure(notThere, a.notHere(file, e.Machine).Error(), fmt.Sprintf("compile it for the guest: "+
		"GOARCH=%[1]s go test -exec 'oomcage vm -arch %[1]s' ./..., or CGO_ENABLED=0 GOARCH=%[1]s go build", a.name))
}

// archOf is the processor that a program is for, or "" where no guest has it.
func archOf(machine elf.Machine) kernels.Arch {
	for _, a := range arches {
		if a.elf == machine {
			return a.name
		}
	}
	return ""
}

// samePath reports whether both are one file.
func samePath(a, b string) bool {
	first, errA := os.Stat(a)
	second, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(first, second)
}

// notHere says that a program will not run in the guest for its processor.
func (a arch) notHere(file string, machine elf.Machine) error {
	return fmt.Errorf("%s is for %s, and the guest is %s", file, cmp.Or(string(archOf(machine)), machine.String()), a.name)
}
