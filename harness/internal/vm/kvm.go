package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"oomcage/harness/internal/kernels"
	"oomcage/harness/internal/printable"
	"oomcage/harness/internal/sys"
)

const (
	// probeTime bounds one attempt to boot with KVM. A guest without KVM says hello after 3 s on 2 idle CPUs
	// (November 2026), one with it sooner; one that hangs must cost no more than this, once.
	probeTime = 8 * time.Second
	// doubtTime is how long a failure is believed. It may be the host's, which was too busy or had no memory for a moment, or
	// another hypervisor's that had the CPU, and must not slow all guests until the next boot; nor may a KVM that hangs
	// cost 8 s with every run.
	doubtTime = time.Hour
)

// probeMemory is enough for the kernel and an init of 20 MiB.
const probeMemory = 256 << 20

// kvmKey is what a result holds for: a kernel that does not boot says nothing of another.
type kvmKey struct {
	Boot   string `json:"boot"`   // boot_id of the host
	QEMU   string `json:"qemu"`   // path, size and time of QEMU's executable
	Kernel string `json:"kernel"` // and of the guest's kernel
}

// kvmResult is what the probe found.
type kvmResult struct {
	kvmKey
	Works  bool      `json:"works"`          // a guest booted
	Reason string    `json:"reason"`         // why not
	Until  time.Time `json:"until,omitzero"` // it is believed; zero: for this boot of the host
}

// chooseAccel decides between KVM and TCG. /dev/kvm that opens proves nothing, so a guest is booted with
// it, once per boot of the host and kernel, and again an hour after it failed. note is a line for the user, empty for KVM and when the user chose.
func chooseAccel(ctx context.Context, asked string, m machine) (accel, note string, err error) {
	if m.arch.foreign() {
		if asked == accelKVM {
			return "", "", failure(badRequest, fmt.Sprintf("-accel kvm: this machine is %s, and emulates %s", kernels.Host, m.arch.name), "")
		}
		return accelTCG, "", nil // which the user has asked for by its processor
	}
	if asked == accelKVM || asked == accelTCG {
		return asked, "", nil
	}
	if err := openKVM(); err != nil {
		return accelTCG, emulated(err.Error()), nil
	}
	r, err := probeOnce(ctx, m, probeTime)
	if err != nil {
		return "", "", err
	}
	if !r.Works {
		return accelTCG, emulated(r.Reason), nil
	}
	return accelKVM, "", nil
}

// emulated tells the user what to expect of a guest without KVM.
func emulated(reason string) string {
	return "KVM does not work here, so the guest is emulated, several times slower (" + reason + ")"
}

func openKVM() error {
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// probeOnce returns the remembered result, or probes and remembers. Of several callers at once one probes
// and the others wait for it.
func probeOnce(ctx context.Context, m machine, limit time.Duration) (kvmResult, error) {
	want, err := newKVMKey(m)
	if err != nil {
		return kvmResult{}, err
	}
	file, err := os.OpenFile(cachePath("kvm.json"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		// Nowhere to remember it: the probe costs seconds every time, but it is right.
		return probeKVM(ctx, m, want, limit)
	}
	defer file.Close()
	if err := sys.AwaitLock(ctx, file); err != nil {
		if ctx.Err() == nil { // a file system without locks
			return probeKVM(ctx, m, want, limit)
		}
		return kvmResult{}, fmt.Errorf("wait for another probe of KVM: %w", err)
	}
	var have kvmResult
	if json.NewDecoder(file).Decode(&have) == nil && have.kvmKey == want &&
		(have.Until.IsZero() || time.Now().Before(have.Until)) {
		return have, nil
	}
	r, err := probeKVM(ctx, m, want, limit)
	if err != nil {
		return r, err
	}
	data, err := json.Marshal(r)
	if err == nil {
		// On a full disk it is not remembered, and half a file is read as none.
		_ = errors.Join(file.Truncate(0), writeAt(file, append(data, '\n')))
	}
	return r, err
}

func writeAt(f *os.File, data []byte) error {
	_, err := f.WriteAt(data, 0)
	return err
}

func newKVMKey(m machine) (kvmKey, error) {
	boot, err := bootID()
	if err != nil {
		return kvmKey{}, err
	}
	key := kvmKey{Boot: boot}
	if key.QEMU, err = fileVersion(m.qemu); err != nil {
		return kvmKey{}, err
	}
	key.Kernel, err = fileVersion(m.kernel)
	return key, err
}

// fileVersion is the file's path, size and time, which change when it is replaced. The path is quoted: in JSON, one that is not UTF-8
// would be another one.
func fileVersion(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%q %d %d", path, info.Size(), info.ModTime().UnixNano()), nil
}

// probeKVM boots a guest that only says hello.
func probeKVM(ctx context.Context, m machine, key kvmKey, limit time.Duration) (kvmResult, error) {
	r := kvmResult{kvmKey: key}
	tmp, remove, err := privateDir()
	if err != nil {
		return r, err
	}
	defer remove()
	m.initramfs, m.console = filepath.Join(tmp, "initramfs.cpio"), filepath.Join(tmp, consoleFile)
	m.accel, m.memory = accelKVM, probeMemory
	t, err := newTree()
	if err != nil {
		return r, err
	}
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	if err := addInit(ctx, newCarrier(t, m.arch), self); err != nil {
		return r, err
	}
	if _, _, err := writeTree(ctx, t, m.initramfs, job{Probe: true}); err != nil {
		return r, err
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	proc, err := m.start()
	if err != nil {
		return r, err
	}
	said := make(chan error, 1)
	go func() {
		_, _, err := newFrameReader(proc.conn).next()
		said <- err
	}()
	var ended bool // without having booted
	select {
	case err := <-said:
		r.Works, ended = err == nil, err != nil
	case <-limited.Done():
	}
	proc.stop()
	if ctx.Err() != nil {
		return r, context.Cause(ctx)
	}
	if r.Works {
		return r, nil
	}
	r.Until = time.Now().Add(doubtTime)
	switch word := lastWord(proc.stderr.Bytes()); {
	case ended && word != "":
		r.Reason = "QEMU: " + word
	case ended:
		r.Reason = "a guest ended while it booted with it"
	default:
		r.Reason = fmt.Sprintf("a guest did not boot with it within %v", limit)
	}
	return r, nil
}

// qemuPlace is where QEMU says that a message comes from: its own name, and for an assertion its source.
var qemuPlace = regexp.MustCompile(`^[^ :]*qemu[^ :]*: (?:[^ :]+\.[ch]:\d+: )?`)

// lastWord is the last line that QEMU printed, or "".
func lastWord(stderr []byte) string {
	lines := strings.Split(strings.TrimSpace(string(stderr)), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	return printable.Line(strings.TrimSuffix(qemuPlace.ReplaceAllString(last, ""), "."))
}
