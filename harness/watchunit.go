package harness

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"oomcage/harness/internal/printable"
	"oomcage/harness/internal/printing"
	"oomcage/harness/outcome"
)

// unit is a unit of systemd.
type unit struct {
	name   string
	of     string // --system or --user
	cgroup string
}

// findUnit looks for a unit that runs: of the system, or else of this user.
func findUnit(ctx context.Context, name string) (*unit, error) {
	if _, err := exec.LookPath("systemctl"); err != nil {
		return nil, fmt.Errorf("find the unit %s: there is no systemctl here; name its cgroup instead, such as /system.slice/%s", name, withSuffix(name))
	}
	var found []string
	var idle error // the first that knows it and runs nothing of it
	for _, of := range []string{"--system", "--user"} {
		u := &unit{name: name, of: of}
		props, err := u.show(ctx)
		switch {
		case err != nil:
			found = append(found, fmt.Sprintf("systemctl %s: %v", of, err))
		case props["LoadState"] == "not-found":
			found = append(found, fmt.Sprintf("systemctl %s knows none", of))
		case props["ControlGroup"] == "" && u.awaitStart(ctx, &props):
			u.cgroup = props["ControlGroup"]
			return u, nil
		case props["ControlGroup"] == "":
			idle = cmp.Or(idle, fmt.Errorf("the unit %s runs nothing now: it is %s (%s); start it first: systemctl %s start %s",
				name, props["ActiveState"], props["SubState"], of, name))
		default:
			u.cgroup = props["ControlGroup"]
			return u, nil
		}
	}
	if idle != nil {
		return nil, idle
	}
	return nil, fmt.Errorf("there is no unit %s: %s; systemctl list-units lists those that there are", name, strings.Join(found, ", "))
}

// awaitStart waits for the cgroup of a unit that is about to be started again.
func (u *unit) awaitStart(ctx context.Context, props *map[string]string) bool {
	for (*props)["ControlGroup"] == "" {
		if !startsOf(*props) {
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(askInterval):
		}
		now, err := u.show(ctx)
		if err != nil {
			return false
		}
		*props = now
	}
	return true
}

func withSuffix(name string) string {
	if strings.Contains(name, ".") {
		return name
	}
	return name + ".service"
}

// askTimeout is how long systemctl may take to answer: 1 s under emulation (2026-11).
const askTimeout = 10 * time.Second

// show asks systemd.
func (u *unit) show(ctx context.Context) (map[string]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, fmt.Errorf("systemctl did not answer within %v", askTimeout))
	defer cancel()
	cmd := exec.CommandContext(ctx, "systemctl", u.of, "show", "--no-pager", "--property=LoadState,ActiveState,SubState,ControlGroup,MainPID,ExecMainPID,ExecMainCode,ExecMainStatus,NRestarts,Result", "--", u.name)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C of a terminal ends the watch, and not what it asks
	var answer, said bytes.Buffer
	err := printing.Run(cmd, askTimeout, &answer, &said)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.As(err, &exit):
		err = errors.New(printable.Line(strings.Join(strings.Fields(said.String()), " ")))
	}
	if err != nil {
		return nil, err
	}
	return parseProperties(answer.String()), nil
}

// parseProperties reads what systemctl show prints: KEY=VALUE, one a line.
func parseProperties(text string) map[string]string {
	props := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			props[key] = value
		}
	}
	return props
}

// startsAgain reports whether the unit is neither inactive nor failed: between two lives it is activating (auto-restart). Where
// systemd does not answer, it may be.
func (u *unit) startsAgain(ctx context.Context) bool {
	props, err := u.show(ctx)
	return err != nil || startsOf(props)
}

// hasStarted reports whether what runs is its main process, and another one than before: ExecStartPre= and ExecStopPost= run in
// the same cgroup.
func (u *unit) hasStarted(ctx context.Context, before int) bool {
	props, err := u.show(ctx)
	return err == nil && startedOf(props, before)
}

// startedOf goes by ActiveState where systemd knows no main process, as of a scope.
func startedOf(props map[string]string, before int) bool {
	switch pid := props["MainPID"]; pid {
	case "", "0":
		return props["ActiveState"] == "active"
	default:
		return pid != strconv.Itoa(before)
	}
}

// restarts is how often systemd has started it again by itself.
func (u *unit) restarts(ctx context.Context) (int, bool) {
	props, err := u.show(ctx)
	if err != nil {
		return 0, false
	}
	return restartsOf(props)
}

// restartsOf leaves out the one that StartLimitBurst= refused: systemd counts it before it asks.
func restartsOf(props map[string]string) (int, bool) {
	n, err := strconv.Atoi(props["NRestarts"])
	if props["Result"] == "start-limit-hit" {
		n--
	}
	return max(n, 0), err == nil
}

func startsOf(props map[string]string) bool {
	return props["LoadState"] != "not-found" && props["ActiveState"] != "inactive" && props["ActiveState"] != "failed"
}

// exit asks systemd, which is the parent of a service's main process, as long as it has not started another one.
func (u *unit) exit(ctx context.Context, pid int) (outcome.ExitStatus, bool) {
	props, err := u.show(ctx)
	if err != nil || props["ExecMainPID"] != strconv.Itoa(pid) {
		return outcome.ExitStatus{}, false
	}
	return exitOfProperties(props)
}

// exitOfProperties reads ExecMainCode, which is a CLD_ constant of waitid(2), and ExecMainStatus.
func exitOfProperties(props map[string]string) (outcome.ExitStatus, bool) {
	const exited, killed, dumped = "1", "2", "3"
	n, err := strconv.Atoi(props["ExecMainStatus"])
	switch code := props["ExecMainCode"]; {
	case err != nil:
	case code == exited:
		return outcome.ExitStatus{Ended: true, Code: n}, true
	case code == killed || code == dumped:
		return outcome.ExitStatus{Ended: true, Code: -1, Signal: outcome.SignalName(n)}, true
	}
	return outcome.ExitStatus{}, false
}
