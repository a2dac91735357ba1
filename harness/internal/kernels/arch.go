package kernels

import (
	"fmt"
	"runtime"
	"slices"

	"oomcage/harness/internal/advise"
)

// Arch is a processor that a microVM can have, as GOARCH names it.
type Arch string

// The processors.
const (
	AMD64 Arch = "amd64"
	ARM64 Arch = "arm64"
)

// Host is the processor of this executable.
const Host = Arch(runtime.GOARCH)

// Check returns nil for the processors that microVMs have.
func (a Arch) Check() error {
	if slices.Contains([]Arch{AMD64, ARM64}, a) {
		return nil
	}
	return advise.New(fmt.Sprintf("found an executable for %s, but the microVM is an x86-64 or arm64 machine", string(a)),
		"an x86-64 or arm64 machine; or, on one with cgroup v2, as root or in a delegated cgroup, run the program or `go test` without the microVM")
}

// image is what a kernel of this processor is called.
func (a Arch) image() string {
	if a == ARM64 {
		return "an arm64 kernel image (Image)"
	}
	return "an x86 kernel image (bzImage)"
}

// cloud is the ending of Debian's kernels for virtual machines, and large that of those with pages of 16 KiB, or "".
func (a Arch) cloud() string { return "-cloud-" + string(a) }

func (a Arch) large() string {
	if a == ARM64 {
		return "-arm64" + largePages
	}
	return ""
}
