package vm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// kernelLog remembers the processes that the machine-wide OOM killer chose.
type kernelLog struct {
	fd     int
	kills  uint64         // oom_kill of /proc/vmstat when it was opened
	victim map[int]string // by PID: the kernel's line
}

// openKernelLog reads from the end of the log on: what a process writes after it is seen.
func openKernelLog() (*kernelLog, error) {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: "/dev/kmsg", Err: err}
	}
	if _, err := unix.Seek(fd, 0, io.SeekEnd); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("go to the end of /dev/kmsg: %w", err)
	}
	kills, err := oomKills()
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &kernelLog{fd: fd, kills: kills, victim: map[int]string{}}, nil
}

func (k *kernelLog) close() { unix.Close(k.fd) }

// killed returns the kernel's line about the kill when the machine-wide OOM killer chose the process,
// which has ended by SIGKILL. A cage's own OOM killer is none of init's business.
func (k *kernelLog) killed(pid int) string {
	kills, err := oomKills()
	if err != nil || kills == k.kills {
		return ""
	}
	// The kernel counts first, kills next and prints last: wait for the line, but not for ever, since
	// the kill may have been another process's.
	for deadline := time.Now().Add(time.Second); ; {
		k.read()
		if line, ok := k.victim[pid]; ok {
			return line
		}
		left := time.Until(deadline)
		if left <= 0 {
			return ""
		}
		poll := []unix.PollFd{{Fd: int32(k.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, int(left.Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
			return ""
		}
	}
}

// read takes in the records that are there, one a read.
func (k *kernelLog) read() {
	buf := make([]byte, 8192)
	for {
		n, err := unix.Read(k.fd, buf)
		switch {
		case errors.Is(err, unix.EPIPE), errors.Is(err, unix.EINTR): // overtaken by newer records
			continue
		case err != nil:
			return
		}
		_, text, _ := strings.Cut(string(buf[:n]), ";")
		text, _, _ = strings.Cut(text, "\n")
		if pid, ok := globalVictim(text); ok {
			k.victim[pid] = text
		}
	}
}

var globalKill = regexp.MustCompile(`^Out of memory(?: \(oom_kill_allocating_task\))?: Kill(?:ed)? process (\d+) `)

// globalVictim returns the victim's PID when the line reports a kill by the machine-wide OOM killer.
func globalVictim(line string) (int, bool) {
	m := globalKill.FindStringSubmatch(line)
	if m == nil {
		return 0, false
	}
	pid, err := strconv.Atoi(m[1])
	return pid, err == nil
}

// oomKills is the kernel's count of kills by any OOM killer.
func oomKills() (uint64, error) {
	data, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return strconv.ParseUint(strings.TrimSpace(n), 10, 64)
		}
	}
	return 0, errors.New("/proc/vmstat has no oom_kill")
}

// sendDmesg writes the whole kernel log as dmesg prints it.
func sendDmesg(w io.Writer) error {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: "/dev/kmsg", Err: err}
	}
	defer unix.Close(fd)
	buf := make([]byte, 8192)
	var out strings.Builder
	for {
		n, err := unix.Read(fd, buf)
		if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil { // EAGAIN: that was all
			break
		}
		head, text, _ := strings.Cut(string(buf[:n]), ";")
		text, _, _ = strings.Cut(text, "\n")
		fields := strings.Split(head, ",")
		if len(fields) < 3 {
			continue
		}
		us, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			continue
		}
		fmt.Fprintf(&out, "[%5d.%06d] %s\n", us/1e6, us%1e6, text)
	}
	_, err = io.WriteString(w, out.String())
	return err
}
