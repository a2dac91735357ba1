package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/kmsg"
)

// kernelLog knows the processes that the machine-wide OOM killer chose.
type kernelLog struct {
	log   *kmsg.Log
	kills uint64 // oom_kill of /proc/vmstat when it was opened
}

// openKernelLog reads from the end of the log on.
func openKernelLog() (*kernelLog, error) {
	log, err := kmsg.Open()
	if err != nil {
		return nil, err
	}
	kills, err := oomKills()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return &kernelLog{log, kills}, nil
}

func (k *kernelLog) close() { k.log.Close() }

// killed returns what the log says of the process, which has ended by SIGKILL, when the machine-wide OOM
// killer chose it. The kills of a cage's own limit are not looked at: the program's tests expect those.
func (k *kernelLog) killed(pid int) string {
	kills, err := oomKills()
	if err != nil || kills == k.kills {
		return ""
	}
	// The kernel counts first, kills next and prints last: wait for the line, but not for ever, since
	// the kill may have been another process's.
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	chosen := func(kill kmsg.Kill) bool { return kill.Global && kill.PID == pid }
	// What was read before an error counts as well.
	all, _ := k.log.Wait(ctx, func(all []kmsg.Kill) bool { return slices.ContainsFunc(all, chosen) })
	i := slices.IndexFunc(all, chosen)
	if i < 0 {
		return ""
	}
	v := all[i]
	return fmt.Sprintf("killed: %s[%d], anon %s, file %s, shmem %s", v.Name, pid,
		human.Size(v.AnonRSS), human.Size(v.FileRSS), human.Size(v.ShmemRSS))
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

// sendDmesg writes the whole kernel log as `dmesg --raw` prints it.
func sendDmesg(w io.Writer) error {
	size, err := unix.Klogctl(unix.SYSLOG_ACTION_SIZE_BUFFER, nil)
	if err != nil {
		return os.NewSyscallError("syslog", err)
	}
	// The size is that of the messages alone; here each line also has its level and time.
	buf := make([]byte, 2*size)
	n, err := unix.Klogctl(unix.SYSLOG_ACTION_READ_ALL, buf)
	if err != nil {
		return os.NewSyscallError("syslog", err)
	}
	_, err = w.Write(buf[:n])
	return err
}
