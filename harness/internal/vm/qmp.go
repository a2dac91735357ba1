package vm

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// inspectTime bounds how long QEMU may take to answer all questions. Measured: 10 ms (November 2026).
const inspectTime = 10 * time.Second

// monitor is QEMU's machine protocol (QMP) on a socket of its own.
type monitor struct {
	conn    net.Conn
	decoder *json.Decoder // nil before the first command
	events  []string      // that have come, and were not waited for
}

// answer is what QEMU says: what a command returned, why it failed, or an event.
type answer struct {
	Return json.RawMessage
	Error  *struct{ Desc string }
	Event  string
}

// execute runs one command of QMP and returns what it returned.
func (m *monitor) execute(command string, arguments map[string]any) (json.RawMessage, error) {
	return m.executeWith(command, arguments, nil)
}

// executeWith is execute for a command that a file goes along with, or nil.
func (m *monitor) executeWith(command string, arguments map[string]any, file *os.File) (json.RawMessage, error) {
	if m.decoder == nil {
		m.decoder = json.NewDecoder(m.conn)
		var greeting json.RawMessage
		if err := m.decoder.Decode(&greeting); err != nil {
			return nil, fmt.Errorf("read QEMU's greeting: %w", err)
		}
		if _, err := m.execute("qmp_capabilities", nil); err != nil {
			return nil, err
		}
	}
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	if err := m.send(request, file); err != nil {
		return nil, fmt.Errorf("ask QEMU for %s: %w", command, err)
	}
	for {
		var a answer
		if err := m.decoder.Decode(&a); err != nil {
			return nil, fmt.Errorf("read QEMU's answer to %s: %w", command, err)
		}
		switch {
		case a.Error != nil:
			return nil, fmt.Errorf("%s: %s", command, a.Error.Desc)
		case a.Return != nil:
			return a.Return, nil
		case a.Event != "":
			m.events = append(m.events, a.Event)
		}
	}
}

// send writes a request, and the file with it.
func (m *monitor) send(request map[string]any, file *os.File) error {
	if file == nil {
		return json.NewEncoder(m.conn).Encode(request)
	}
	conn, ok := m.conn.(*net.UnixConn)
	if !ok {
		return fmt.Errorf("a file goes through a Unix socket, and this is %T", m.conn)
	}
	data, err := json.Marshal(request)
	if err != nil {
		return err
	}
	_, _, err = conn.WriteMsgUnix(append(data, '\n'), unix.UnixRights(int(file.Fd())), nil)
	return err
}

// resumeEvent is what QEMU says when the CPUs run, after they were stopped or a state was loaded.
const resumeEvent = "RESUME"

// awaitResume waits for the CPUs to run. QEMU may have said so before.
func (m *monitor) awaitResume() error {
	for !slices.Contains(m.events, resumeEvent) {
		var a answer
		if err := m.decoder.Decode(&a); err != nil {
			return fmt.Errorf("wait for QEMU's %s: %w", resumeEvent, err)
		}
		if a.Event != "" {
			m.events = append(m.events, a.Event)
		}
	}
	m.events = nil
	return nil
}

// human runs a command of the monitor for people, which alone shows the interrupt controllers.
func (m *monitor) human(line string) (string, error) {
	data, err := m.execute("human-monitor-command", map[string]any{"command-line": line})
	if err != nil {
		return "", err
	}
	var text string
	err = json.Unmarshal(data, &text)
	return strings.ReplaceAll(text, "\r", ""), err
}

// inspect reads what tells why a guest does nothing: whether its CPUs are halted, for which interrupts, and
// which timer would wake them. What cannot be read is said in its place. The guest is not stopped for it.
func (p *process) inspect(cpus int) []byte {
	var b strings.Builder
	say := func(title, text string, err error) {
		if err != nil {
			text = "cannot be read: " + err.Error()
		}
		fmt.Fprintf(&b, "== %s\n%s\n", title, strings.TrimRight(text, "\n"))
	}
	fmt.Fprintf(&b, "read at %s, %v after QEMU was started\n", time.Now().Format(time.RFC3339Nano), time.Since(p.started).Round(time.Millisecond))
	say("threads of QEMU", p.threads(), nil)
	if err := p.monitor.conn.SetDeadline(time.Now().Add(inspectTime)); err != nil {
		say("QMP", "", err)
		return []byte(b.String())
	}
	for _, command := range []string{"query-status", "query-cpus-fast"} {
		data, err := p.monitor.execute(command, nil)
		say(command, string(data), err)
		if errors.Is(err, os.ErrDeadlineExceeded) { // QEMU itself hangs, or is stopped
			return []byte(b.String())
		}
	}
	date, err := p.monitor.execute("qom-get", map[string]any{"path": "/machine", "property": "rtc-time"})
	say("real-time clock", string(date), err)
	commands := []string{"info registers -a"}
	// Twice: a timer that runs has counted down in between.
	for range 2 {
		for cpu := range cpus {
			commands = append(commands, "info lapic "+strconv.Itoa(cpu))
		}
	}
	for _, command := range append(commands, "info irq", "info pic") {
		text, err := p.monitor.human(command)
		say(command, text, err)
	}
	return []byte(b.String())
}

// threads lists QEMU's threads with their states and the CPU time that they have used, in clock ticks.
func (p *process) threads() string {
	var b strings.Builder
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.pid)) // the pattern is ours
	for _, file := range files {
		data, _ := os.ReadFile(file) // it may have ended
		_, after, found := strings.Cut(string(data), ") ")
		fields := strings.Fields(after) // from the third one of proc_pid_stat(5) on
		if !found || len(fields) < 13 {
			continue
		}
		fmt.Fprintf(&b, "%s: state %s, utime %s, stime %s\n", filepath.Base(filepath.Dir(file)), fields[0], fields[11], fields[12])
	}
	return b.String()
}
