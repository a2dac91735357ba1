package vm

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/shell"
)

// machine is what QEMU is started with.
type machine struct {
	qemu      string // path of qemu-system-x86_64
	kernel    string
	initramfs string
	console   string // file for what the guest's kernel prints
	memory    int64  // bytes
	cpus      int
	accel     string // "kvm" or "tcg"
	tscKHz    int64  // frequency of the host's time-stamp counter; 0: unknown
	disks     []disk
	started   time.Time // when QEMU is started with it; zero: not yet
	params    []string  // further parameters of the kernel
	more      []string  // further arguments of QEMU
}

// qemuName is the program that Debian's and Ubuntu's package qemu-system-x86 brings.
const qemuName = "qemu-system-x86_64"

// FindQEMU returns the path of QEMU.
func FindQEMU() (string, error) {
	path, err := exec.LookPath(qemuName)
	if err != nil {
		return "", failure(noQEMU, qemuName+" is missing: "+err.Error(), qemuPackage.installHere())
	}
	return filepath.Abs(path)
}

// kernelArgs is the kernel's command line. Once init runs it turns the console off, so that what the kernel
// says during the test costs no time; on a panic panic_print=0x20 prints all of it.
func (m machine) kernelArgs() []string {
	args := []string{
		"console=ttyS0", "loglevel=4", "panic=-1", "panic_print=0x20",
		// microvm has no keyboard controller to reset through, and no reset in ACPI.
		"reboot=t",
		"rdinit=/init",
		// Debian turns pressure stall information on, others leave it to the command line.
		"psi=1",
		// The kernel tests its ciphers, none of which is used here: 0.3 s of a boot without KVM (November 2026).
		"cryptomgr.notests",
	}
	if m.accel == "tcg" {
		// While it boots, the kernel waits 40 ms by the host's clock for a few timer interrupts and panics
		// without them. On a busy host QEMU may not get to send any. A KVM guest omits the check itself.
		args = append(args, "no_timer_check",
			// QEMU keeps what it translated by virtual address, for as long as the page is not written to. A
			// library that each process maps elsewhere is translated anew for each, and the first to write to
			// a page of it that was freed waits while all that is thrown away, a byte at a time: 55 s for a
			// page after 400 processes, and 9 ms without; the processes are 3 times faster too (2026-11).
			"norandmaps")
	}
	if m.accel == "tcg" && m.tscKHz > 0 {
		args = append(args, "tsc=reliable", "tsc_early_khz="+strconv.FormatInt(m.tscKHz, 10),
			// What every CPU but the first would measure, 0.2 s each: ticks in a jiffy. A kernel with
			// HZ=1000 then waits four times longer in udelay, which does no harm.
			"lpj="+strconv.FormatInt(m.tscKHz*1000/250, 10))
	}
	if !m.started.IsZero() { // the kernel hands init what it does not know itself
		args = append(args, timeVariable+"="+strconv.FormatInt(m.started.UnixNano(), 10))
	}
	return append(args, m.params...)
}

// Descriptors of the two sockets in QEMU.
const streamFD, monitorFD = 3, 4

// args is QEMU's command line.
func (m machine) args() []string {
	// With a thread for each CPU, QEMU before 8.1 may run a breakpoint that another CPU has patched away
	// already. The kernel patches itself while it boots, and panicked in one of 107 boots: "Oops: int3".
	//
	// With "enhanced rep movsb" the kernel clears and copies memory by instructions that QEMU runs byte by byte,
	// without it by words, which fills memory twice as fast, and huge pages 6 times (2026-11).
	accel, cpu := "tcg,thread=single", "max,-erms,-fsrm"
	if m.accel == "kvm" {
		accel, cpu = "kvm", "host"
	}
	args := []string{
		"-M", "microvm,rtc=on", "-accel", accel, "-cpu", cpu,
		"-smp", strconv.Itoa(m.cpus), "-m", strconv.FormatInt(m.memory>>20, 10) + "M",
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
		"-kernel", m.kernel, "-append", strings.Join(m.kernelArgs(), " "),
		"-chardev", "file,id=console,path=" + escapeOption(m.console),
		"-serial", "chardev:console",
		"-chardev", "socket,id=stream,fd=" + strconv.Itoa(streamFD),
		"-device", "isa-serial,index=1,chardev=stream",
		"-chardev", "socket,id=monitor,fd=" + strconv.Itoa(monitorFD),
		"-mon", "chardev=monitor,mode=control",
	}
	if m.initramfs != "" { // a guest that is resumed has unpacked its own
		args = append(args, "-initrd", m.initramfs)
	}
	for _, d := range m.disks {
		args = append(args,
			// Nothing on it outlives the guest, so nothing is flushed. When the host's disk is full the guest
			// gets an error, where QEMU would stop it for ever.
			"-drive", "if=none,id="+d.serial+",format=raw,cache=unsafe,werror=report,file="+escapeOption(d.file),
			"-device", "virtio-blk-device,drive="+d.serial+",serial="+d.serial)
	}
	return append(args, m.more...)
}

// escapeOption doubles commas, which separate QEMU's options.
func escapeOption(s string) string { return strings.ReplaceAll(s, ",", ",,") }

var ownSocket = regexp.MustCompile(`^socket,(id=\w+),fd=\d$`)

// commandLine is for people: it can be pasted into a shell, where the second serial port goes nowhere.
func (m machine) commandLine() string {
	words := []string{m.qemu}
	for _, a := range m.args() {
		words = append(words, ownSocket.ReplaceAllString(a, "null,$1"))
	}
	return shell.Join(words...) + "\n"
}

// process is a running QEMU.
type process struct {
	conn    net.Conn     // the second serial port
	frames  *frameWriter // to it
	monitor *monitor
	started time.Time
	pid     int
	done    chan struct{}
	kill    func()
	err     error        // of Wait; read it after done
	stderr  bytes.Buffer // read it after done
}

// start starts QEMU in its own process group, so that Ctrl-C reaches this process alone, which then ends
// it. It ends with this process however that ends.
func (m machine) start() (*process, error) {
	conn, theirs, err := connection("the second serial port")
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	control, theirControl, err := connection("QEMU's monitor")
	if err != nil {
		conn.Close()
		return nil, err
	}
	defer theirControl.Close()
	m.started = time.Now()
	p := &process{
		conn: conn, frames: &frameWriter{w: conn}, monitor: &monitor{conn: control},
		started: m.started, done: make(chan struct{}),
	}
	// Not ended by a context: whoever starts it also waits for its end, with stop.
	cmd := exec.CommandContext(context.Background(), m.qemu, m.args()...)
	cmd.Stderr = &p.stderr
	cmd.ExtraFiles = []*os.File{theirs, theirControl} // streamFD, monitorFD
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// Pdeathsig is sent when the thread ends that started the child, not the process
		// (golang/go#27505): hold the thread for as long as QEMU lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		conn.Close()
		control.Close()
		return nil, failure(qemuFailed, "QEMU could not be started: "+err.Error(),
			"try it by hand: "+m.qemu+" --version")
	}
	p.pid = cmd.Process.Pid
	p.kill = sync.OnceFunc(func() { _ = cmd.Process.Kill() }) // gone already is as good
	return p, nil
}

// stop ends QEMU and waits until it is gone.
func (p *process) stop() {
	p.kill()
	<-p.done
	p.conn.Close()
	p.monitor.conn.Close()
}

// connection is a socket to QEMU: our end of it and QEMU's.
func connection(name string) (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make the socket of %s: %w", name, err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), name), os.NewFile(uintptr(fds[1]), name+", QEMU's end")
	defer ours.Close() // FileConn has its own copy
	conn, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("use the socket of %s: %w", name, err)
	}
	return conn, theirs, nil
}

// send asks the guest's init to signal the program.
func (p *process) send(ctx context.Context, sig syscall.Signal) error {
	if deadline, ok := ctx.Deadline(); ok {
		if err := p.conn.SetWriteDeadline(deadline); err != nil {
			return err
		}
	}
	return p.frames.frame(frameSignal, []byte{byte(sig)})
}
