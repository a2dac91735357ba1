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
	arch      arch
	qemu      string // path of QEMU's program for it
	kernel    string
	initramfs string
	console   string // file for what the guest's kernel prints
	memory    int64  // bytes
	cpus      int
	accel     string // accelKVM or accelTCG
	tscKHz    int64  // frequency of the host's time-stamp counter; 0: unknown
	disks     []disk
	started   time.Time // when QEMU is started with it; zero: not yet
	params    []string  // further parameters of the kernel
	more      []string  // further arguments of QEMU
}

// Accelerators of QEMU.
const accelKVM, accelTCG = "kvm", "tcg"

// FindQEMU returns the path of QEMU for guests of this host's processor.
func FindQEMU() (string, error) { return hostArch.findQEMU() }

func (a arch) findQEMU() (string, error) {
	path, err := exec.LookPath(a.qemu.program)
	if err != nil {
		return "", failure(noQEMU, a.qemu.program+" is missing: "+err.Error(), a.qemu.installHere())
	}
	return filepath.Abs(path)
}

// kernelArgs is the kernel's command line. Once init runs it turns the console off, so that what the kernel
// says during the test costs no time; on a panic panic_print=0x20 prints all of it.
func (m machine) kernelArgs() []string {
	args := []string{"console=" + m.arch.console, "loglevel=4", "panic=-1", "panic_print=0x20"}
	args = append(args, m.arch.params...)
	args = append(args, "rdinit=/init",
		// Debian turns pressure stall information on, others leave it to the command line.
		"psi=1",
		// The kernel tests its ciphers, none of which is used here: 0.3 s of a boot without KVM (November 2026).
		"cryptomgr.notests")
	if m.accel == accelTCG {
		args = append(args, m.arch.emulated...)
		args = append(args,
			// QEMU keeps what it translated by virtual address, for as long as the page is not written to. A
			// library that each process maps elsewhere is translated anew for each, and the first to write to
			// a page of it that was freed waits while all that is thrown away, a byte at a time: 55 s for a
			// page after 400 processes, and 9 ms without; the processes are 3 times faster too (2026-11).
			"norandmaps")
	}
	if m.accel == accelTCG && m.tscKHz > 0 {
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
	board, accel, cpu := m.arch.boardTCG, m.arch.tcg, m.arch.cpuTCG
	if m.accel == accelKVM {
		board, accel, cpu = m.arch.boardKVM, "kvm", "host"
	}
	args := []string{
		"-M", board, "-accel", accel, "-cpu", cpu,
		"-smp", strconv.Itoa(m.cpus), "-m", strconv.FormatInt(m.memory>>20, 10) + "M",
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
		"-kernel", m.kernel, "-append", strings.Join(m.kernelArgs(), " "),
		"-chardev", "file,id=console,path=" + escapeOption(m.console),
		"-serial", "chardev:console",
		"-chardev", "socket,id=stream,fd=" + strconv.Itoa(streamFD),
		"-device", m.arch.second + ",chardev=stream",
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
			"-device", m.arch.disk+",drive="+d.serial+",serial="+d.serial)
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
