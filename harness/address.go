package harness

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Ports for targets lie outside the range from which the kernel picks ports by itself, so that
// no outgoing connection and no listener on port 0 can take one away between its reservation
// and the target's bind: below it, or else above it. On a machine whose range leaves none, all
// ports from firstPort on are used.
const firstPort, lastPort = 10000, 65535

const loopback = "127.0.0.1"

// reservation is a TCP port that no other cage of this machine uses, in whichever process.
//
// Two things keep it. One is a lock among the runs below the same guard, which no other user can take. The other
// tells the harnesses of other users and containers, each of which has a guard of its own: a socket bound to an abstract
// Unix address, which lives in the same network namespace as the port, and which the kernel drops with its
// owner. Anybody may bind such an address, so it is heeded within reason; see strangersPorts.
//
// The port itself stays unbound, so that a target can take it without SO_REUSEADDR.
type reservation struct {
	port int
	own  portLocks
	told int // descriptor of the socket, or -1 where the address was taken
}

// portLocks are the locks among the runs below one guard.
type portLocks interface {
	// Lock reports whether nobody had it.
	Lock(port int) (bool, error)
	Unlock(port int) error
}

// strangersPorts is how many ports in a row are left to the users who have bound their abstract addresses. There are at
// least a thousand ports, and each cage begins at one of them by chance: so many in a row are no accident even
// where 500 cages are open (500/1000 to the power of 20), and somebody who binds them all stops nobody.
const strangersPorts = 20

// targetPorts is read once: it is the machine's setting.
var targetPorts = sync.OnceValue(func() portRange {
	return portsBeside("/proc/sys/net/ipv4/ip_local_port_range")
})

// portRange includes both ends.
type portRange struct{ first, last int }

func reserve(own portLocks) (*reservation, error) {
	// All ports at last: somebody may have bound every one that is better.
	for _, ports := range []portRange{targetPorts(), {firstPort, lastPort}} {
		r, err := reserveIn(ports, own)
		if err != nil {
			return nil, fmt.Errorf("reserve an address: %w", err)
		}
		if r != nil {
			return r, nil
		}
	}
	return nil, fmt.Errorf("reserve an address: none of the ports %d to %d is free; ss -ltn lists who listens, and closing cages frees theirs", firstPort, lastPort)
}

// reserveIn returns nil when no port is free.
func reserveIn(ports portRange, own portLocks) (*reservation, error) {
	count := ports.last - ports.first + 1
	offset := rand.IntN(count)
	strangers := 0
	for i := range count {
		port := ports.first + (offset+i)%count
		told, err := tellOthers(port)
		if errors.Is(err, unix.EADDRINUSE) {
			if strangers++; strangers <= strangersPorts {
				continue
			}
		} else if err != nil {
			return nil, err
		} else {
			strangers = 0
		}
		r := &reservation{port: port, own: own, told: told}
		locked, err := own.Lock(port)
		if locked {
			var isFree bool
			if isFree, err = free(port); isFree {
				return r, nil
			}
			err = errors.Join(err, own.Unlock(port))
		}
		if err = errors.Join(err, r.untell()); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// tellOthers binds a socket to the abstract address that stands for the port.
func tellOthers(port int) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: fmt.Sprintf("@oomcage/port/%d", port)}); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("bind", err)
	}
	return fd, nil
}

func (r *reservation) untell() error {
	if r.told < 0 {
		return nil
	}
	return os.NewSyscallError("close", unix.Close(r.told))
}

// free binds the port for a moment as a target without SO_REUSEADDR would, on all addresses. No process is
// started meanwhile: it would have a copy of the socket until it is executed, and the port be taken for as long.
func free(port int) (bool, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	err = unix.Bind(fd, &unix.SockaddrInet4{Port: port})
	if errors.Is(err, unix.EADDRINUSE) {
		return false, nil
	}
	return err == nil, os.NewSyscallError("bind", err)
}

// portsBeside returns the larger part of the ports that the kernel's own range leaves free.
// Where that cannot be read, Linux's default is assumed.
func portsBeside(path string) portRange {
	low, high := 32768, 60999
	if b, err := os.ReadFile(path); err == nil {
		if _, err := fmt.Sscan(string(b), &low, &high); err != nil {
			low, high = 32768, 60999
		}
	}
	below, above := portRange{firstPort, low - 1}, portRange{max(high+1, firstPort), lastPort}
	best := below
	if above.last-above.first > below.last-below.first {
		best = above
	}
	// Enough for the cages that a machine can hold at once.
	if best.last-best.first < 1000 {
		return portRange{firstPort, lastPort}
	}
	return best
}

func (r *reservation) at() endpoint { return endpoint{loopback, r.port} }

func (r *reservation) addr() string { return r.at().String() }

func (r *reservation) close() error { return errors.Join(r.untell(), r.own.Unlock(r.port)) }

var variable = regexp.MustCompile(`\$(?:\{(ADDR|HOST|PORT|PID)\}|(ADDR|HOST|PORT|PID)\b)`)

// expand replaces $ADDR, $HOST and $PORT.
func (r *reservation) expand(s string) string { return r.expandFor(s, 0) }

// expandFor replaces $PID as well, unless pid is 0.
func (r *reservation) expandFor(s string, pid int) string { return r.at().expand(s, pid) }

// endpoint is where something listens.
type endpoint struct {
	host string
	port int
}

// String is HOST:PORT.
func (e endpoint) String() string { return net.JoinHostPort(e.host, strconv.Itoa(e.port)) }

// expand replaces $ADDR, $HOST, $PORT and $PID; the latter unless pid is 0. It does so in one pass: a PID behind $PORT would be
// read as part of that name otherwise.
func (e endpoint) expand(s string, pid int) string {
	return variable.ReplaceAllStringFunc(s, func(v string) string {
		switch strings.Trim(v, "${}") {
		case "ADDR":
			return e.String()
		case "HOST":
			return e.host
		case "PID":
			if pid == 0 {
				return v
			}
			return strconv.Itoa(pid)
		default:
			return strconv.Itoa(e.port)
		}
	})
}
