package harness

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"oomcage/harness/internal/sys"
)

// Steps and probes are to be answered by the target. These look who listens on the cage's address, in /proc/net/tcp, and
// which process has that socket among its descriptors.

// isAsked reports whether the run's probe or steps may ask the target at the cage's address: it was given that. A target
// that was not may well run beside a server which has it.
func (s Spec) isAsked() bool {
	if s.Target.Port != 0 { // the engine listens there, or has the kernel send it on
		return false
	}
	if s.Target.Ready == nil && s.Load.Step == nil && len(s.Target.Capture) == 0 {
		return false
	}
	return slices.ContainsFunc(slices.Concat(s.Target.Args, s.Target.Env), func(word string) bool {
		return slices.ContainsFunc(variable.FindAllString(word, -1), func(v string) bool {
			name := strings.Trim(v, "${}")
			return name == "ADDR" || name == "PORT"
		})
	})
}

// refuseAnswerer is an error where something listens on the cage's address before a target is started that is to be
// asked there.
func (c *Cage) refuseAnswerer(s Spec) error {
	if !s.isAsked() {
		return nil
	}
	sockets, err := listeners(c.address.port)
	if err != nil || len(sockets) == 0 {
		return nil //nolint:nilerr // it is looked at again during the run, which says what cannot be read
	}
	return fmt.Errorf("run %s: %s listens on %s already, and would be asked in the target's place: end it first, or give each server a child of the cage (Cage.Child), which has an address of its own",
		s.Target.data().Name(), c.describeHolder(sockets), c.Addr())
}

// answers watches who listens on the address while a load goes on.
type answers struct {
	p       *Process
	asked   bool // Spec.isAsked
	often   budget
	other   string // who listened and was not of this run; the first one that was seen
	unknown error
}

// look looks, unless it did so shortly before.
func (a *answers) look() { a.often.look(a.lookNow) }

func (a *answers) lookNow() {
	if !a.asked || a.other != "" {
		return
	}
	other, err := a.p.otherListener()
	if err != nil {
		a.unknown = err
		return
	}
	a.other = other
}

// otherListener names who listens on the cage's address and is no process of p's run, or returns "". What it cannot
// find out is an error.
func (p *Process) otherListener() (string, error) {
	// A socket that nobody has may have been closed between the two readings, so it is looked for twice.
	for last := false; ; last = true {
		sockets, err := listeners(p.cage.address.port)
		if err != nil || len(sockets) == 0 {
			return "", err
		}
		unreadable := p.strikeOwn(sockets)
		switch {
		case len(sockets) == 0:
			return "", nil
		case unreadable != nil:
			return "", unreadable
		case last:
			return p.cage.describeHolder(sockets), nil
		}
	}
}

// strikeOwn takes those sockets out that a process of this run has.
func (p *Process) strikeOwn(sockets map[string]bool) (unreadable error) {
	pids, err := p.cage.group.Procs()
	if err != nil {
		return err
	}
	for _, pid := range append(pids, uint64(p.PID())) { // which may have left the cage
		if len(sockets) == 0 {
			break
		}
		if p.startedBefore(int(pid)) {
			continue
		}
		held, err := socketsOf(int(pid))
		if err != nil && !ended(err) {
			unreadable = err
		}
		for _, s := range held {
			delete(sockets, s)
		}
	}
	return unreadable
}

// startedBefore reports whether a process is older than the target, so that it is of an earlier run. The kernel counts a
// process's start in ticks.
func (p *Process) startedBefore(pid int) bool {
	start, err := startOf(pid)
	return err == nil && start < p.start
}

// describeHolder names the first process that has one of the sockets.
func (c *Cage) describeHolder(sockets map[string]bool) string {
	inside := map[string]bool{}
	pids, _ := c.group.Procs()
	for _, pid := range pids {
		inside[strconv.FormatUint(pid, 10)] = true
	}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		held, _ := socketsOf(pid)
		for _, s := range held {
			if !sockets[s] {
				continue
			}
			comm, _ := sys.ReadFile("/proc/" + e.Name() + "/comm")
			where := "which is not in the cage"
			if inside[e.Name()] {
				where = "which is in the cage since before this run,"
			}
			return fmt.Sprintf("%s[%d], %s", strings.TrimSpace(comm), pid, where)
		}
	}
	return "a process that cannot be seen"
}

// socketsOf returns the inodes of a process's sockets.
func socketsOf(pid int) ([]string, error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var inodes []string
	for _, e := range entries {
		to, err := os.Readlink(dir + "/" + e.Name())
		if inode, ok := strings.CutPrefix(to, "socket:["); ok && err == nil {
			inodes = append(inodes, strings.TrimSuffix(inode, "]"))
		}
	}
	return inodes, nil
}

// listeners returns the inodes of the TCP sockets that listen on the port of the loopback address, or on all addresses.
func listeners(port int) (map[string]bool, error) {
	found := map[string]bool{}
	for _, file := range []string{"tcp", "tcp6"} {
		text, err := sys.ReadFile("/proc/thread-self/net/" + file)
		if errors.Is(err, fs.ErrNotExist) && file == "tcp6" {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, err
		}
		addListeners(found, text, port)
	}
	return found, nil
}

// The kernel prints each 32 bits of an address as a number of the machine's own order (get_tcp4_sock and get_tcp6_sock in
// net/ipv4/tcp_ipv4.c and net/ipv6/tcp_ipv6.c).
var answering = func() map[string]bool {
	word := func(b ...byte) string { return fmt.Sprintf("%08X", binary.NativeEndian.Uint32(b)) }
	local, zero := word(127, 0, 0, 1), word(0, 0, 0, 0)
	mapped := zero + zero + word(0, 0, 0xff, 0xff)
	return map[string]bool{local: true, zero: true, zero + zero + zero + zero: true, mapped + local: true, mapped + zero: true}
}()

func addListeners(found map[string]bool, text string, port int) {
	const listening = "0A" // TCP_LISTEN of include/net/tcp_states.h
	const local, state, inode = 1, 3, 9
	want := fmt.Sprintf("%04X", port)
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) <= inode || fields[state] != listening {
			continue
		}
		if addr, at, _ := strings.Cut(fields[local], ":"); at == want && answering[addr] {
			found[fields[inode]] = true
		}
	}
}
