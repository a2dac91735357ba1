package vm

import (
	"context"
	"runtime"
)

// KVM reports whether a guest boots with KVM here, by booting one once per boot of the host, and why not. It needs QEMU and a
// kernel.
func KVM(ctx context.Context) (works bool, reason string, err error) {
	if err := openKVM(); err != nil {
		return false, err.Error(), nil
	}
	var m machine
	if m.qemu, err = FindQEMU(); err != nil {
		return false, "", err
	}
	if m.kernel, err = FindKernel(""); err != nil {
		return false, "", err
	}
	m.cpus = 1
	r, err := probeOnce(ctx, m, probeTime)
	return r.Works, r.Reason, err
}

// Advice is what a Failure says that helps, and what was found.
func Advice(err error) (found, helps string) {
	f := asFailure(err)
	return f.found, f.helps
}

// CheckScratch returns nil where a guest can have a disk with a file system.
func CheckScratch() error {
	_, err := findMkfs("/usr/sbin", "/sbin")
	return err
}

// CheckMachine returns nil where this machine's processor is one that the microVM can run on.
func CheckMachine() error { return checkArchitecture(runtime.GOARCH) }
