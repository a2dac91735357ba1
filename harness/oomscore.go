package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/sys"
)

// setOOMScore gives a process that was just started the oom_score_adj asked for, or 0, instead
// of what it has inherited: a runner at 1000 or a service at -1000 would hand that down. It returns
// what the process has now. Where nothing was asked for and 0 may not be set, for want of
// CAP_SYS_RESOURCE, what was inherited stays.
func setOOMScore(pid int, asked *int) (int, error) {
	path := fmt.Sprintf("/proc/%d/oom_score_adj", pid)
	inherited, err := readOOMScore(path)
	if ended(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	want := 0
	if asked != nil {
		want = *asked
	}
	if want == inherited {
		return want, nil
	}
	err = os.WriteFile(path, []byte(strconv.Itoa(want)), 0)
	switch {
	case ended(err), err == nil:
		return want, nil
	case asked == nil && errors.Is(err, fs.ErrPermission):
		return inherited, nil
	case errors.Is(err, fs.ErrPermission):
		return 0, fmt.Errorf("set oom_score_adj to %d: below %d, which the harness itself has, takes CAP_SYS_RESOURCE; run as root: %w", want, inherited, err)
	default:
		return 0, fmt.Errorf("set oom_score_adj to %d: %w", want, err)
	}
}

func readOOMScore(path string) (int, error) {
	text, err := sys.ReadFile(path)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0, fmt.Errorf("parse %s: %w", path, err)
	}
	return n, nil
}

// ended reports whether a file of /proc/PID is gone because the process is.
func ended(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) }
