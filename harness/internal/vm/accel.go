package vm

import (
	"context"
)

// KVM reports whether a guest boots with KVM here, by booting one once per boot of the host, and why not. It needs QEMU and a
// kernel.
func KVM(ctx context.Context) (works bool, reason string, err error) {
	if err := openKVM(); err != nil {
		return false, err.Error(), nil
	}
	m := machine{arch: hostArch}
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

// CheckScratch returns nil where a guest can have a disk with a file system.
func CheckScratch() error {
	_, err := findMkfs("/usr/sbin", "/sbin")
	return err
}
