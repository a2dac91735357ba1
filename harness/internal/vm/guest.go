package vm

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// InGuest reports whether this process is the first one of a microVM. Process 1 of a container is not.
func InGuest() bool {
	if os.Getpid() != 1 {
		return false
	}
	_, err := os.Stat(guestJob)
	return err == nil
}

// Init is the guest's init. It runs the job that came with the initramfs, sends all that the host must
// know over the second serial port, and powers the guest off. It does not return.
func Init() {
	// An error here has no other way out than the console; the host finds no exit code and shows it.
	if err := guestMain(); err != nil {
		fmt.Fprintln(os.Stderr, "oomcage init:", err)
	}
	unix.Sync()
	// With -no-reboot QEMU ends. It never does by "power off", which microvm lacks.
	err := unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	fmt.Fprintln(os.Stderr, "oomcage init: restart:", err)
	select {}
}

func guestMain() error {
	if err := mountEarly(); err != nil {
		return err
	}
	line, err := openLine(hostArch.line)
	if err != nil {
		return err
	}
	w := &frameWriter{w: line}
	host := newFrameReader(line)
	j, jobErr := readJob()
	var flaw string
	if j.Save {
		if j, flaw, err = saved(w, host, j); err != nil {
			return err
		}
		w = &frameWriter{w: line} // another host, for which the stream begins here
	} else {
		flaw = machineFlaw(j)
	}
	if err := w.frame(frameHello, []byte(flaw)); err != nil {
		return err
	}
	status := exitStatus{Error: flaw}
	switch {
	case jobErr != nil:
		status.Error = jobErr.Error()
	case flaw == "":
		status = guestJobRun(j, w, host)
	}
	last, err := json.Marshal(status)
	if err != nil {
		return err
	}
	if err := w.frame(frameExit, last); err != nil {
		return err
	}
	return drain(line)
}

// guestJobRun does the job; what it can't do is in the status.
func guestJobRun(j job, w *frameWriter, host *frameReader) exitStatus {
	if j.Probe {
		return exitStatus{}
	}
	if err := prepare(j); err != nil {
		return exitStatus{Error: err.Error()}
	}
	before := stampsBefore(j)
	grow, err := watchGrowing(w, j, before, guestGrowing)
	if err != nil { // they go back when the program has ended
		fmt.Fprintln(os.Stderr, "oomcage init: watch the files that grow:", err)
	}
	log, err := openKernelLog()
	if err == nil {
		defer log.close()
	} else { // the program can do without
		fmt.Fprintln(os.Stderr, "oomcage init: no kernel log:", err)
	}
	prog, err := startProgram(j, w)
	if err != nil {
		return exitStatus{Error: err.Error()}
	}
	if err := w.frame(frameBegun, nil); err != nil {
		return exitStatus{Error: err.Error()}
	}
	go prog.signals(host)
	status := prog.wait()
	if status.Signal == int(unix.SIGKILL) && log != nil {
		status.OOM = log.killed(prog.pid)
	}
	if err := sendBack(w, j, before, grow, status); err != nil {
		status.Error = fmt.Sprintf("send the results: %v", err)
	}
	if status.Code != 0 || status.Signal != 0 || status.Error != "" {
		if err := sendDmesg(w.to(frameDmesg)); err != nil {
			fmt.Fprintln(os.Stderr, "oomcage init: send the kernel log:", err)
		}
	}
	return status
}

// sendBack tells how the program has ended, and sends what it wrote.
func sendBack(w *frameWriter, j job, before map[string]stamp, grow *growing, status exitStatus) error {
	s := sender{w: w}
	if err := s.json(frameEnded, status); err != nil {
		return err
	}
	var done map[string]bool
	if grow != nil {
		var err error
		if done, err = grow.finish(); err != nil {
			return err
		}
	}
	return s.sendResults(j, before, done)
}

func readJob() (job, error) {
	data, err := os.ReadFile(guestJob)
	if err != nil {
		return job{}, err
	}
	j, err := parseJob(data)
	if err != nil {
		return j, fmt.Errorf("parse %s: %w", guestJob, err)
	}
	return j, nil
}

// openLine opens a serial port and makes it raw: otherwise every line end becomes CR LF and some bytes
// become signals. It is opened as a plain blocking descriptor; the runtime's poller gains nothing here.
func openLine(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	tio, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("read the settings of %s: %w", path, err)
	}
	tio.Iflag, tio.Oflag, tio.Lflag = 0, 0, 0
	tio.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B115200
	tio.Ispeed, tio.Ospeed = unix.B115200, unix.B115200
	tio.Cc[unix.VMIN], tio.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, tio); err != nil {
		return nil, fmt.Errorf("make %s raw: %w", path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// drain waits until the last byte has left the port.
func drain(line *os.File) error {
	if err := unix.IoctlSetInt(int(line.Fd()), unix.TCSBRK, 1); err != nil {
		return fmt.Errorf("drain %s: %w", line.Name(), err)
	}
	return nil
}

// setClock sets the time that the host had when it started QEMU. The real-time clock knows whole seconds
// only, and a kernel may have no driver for it.
func setClock() error {
	host, err := strconv.ParseInt(os.Getenv(timeVariable), 10, 64)
	if err != nil {
		return nil // booted by hand
	}
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return err
	}
	now := unix.NsecToTimespec(host + up.Nano())
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &now); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	return nil
}
