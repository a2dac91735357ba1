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

	"golang.org/x/sys/unix"
)

// Ports for targets lie below the range from which the kernel picks ports by itself, so that
// no outgoing connection and no listener on port 0 can take one away between its reservation
// and the target's bind.
const firstPort = 10000

const loopback = "127.0.0.1"

// reservation is a TCP port that no other cage on this machine uses, in whichever process.
// Its lock is a socket bound to an abstract Unix address: those live in the same network
// namespace as the ports, and the kernel drops them with their owner. The port itself stays
// unbound, so that a target can take it without SO_REUSEADDR.
type reservation struct {
	port int
	lock int // descriptor of the socket
}

// endOfPorts is read once: it is the machine's setting.
var endOfPorts = sync.OnceValue(func() int {
	return firstEphemeralPort("/proc/sys/net/ipv4/ip_local_port_range")
})

func reserve() (*reservation, error) {
	end := endOfPorts()
	count := end - firstPort
	if count <= 0 {
		return nil, fmt.Errorf("reserve an address: the kernel picks ports from %d on and leaves none from %d; "+
			"needed: a range that begins higher; try: sysctl -w net.ipv4.ip_local_port_range='32768 60999'", end, firstPort)
	}
	first := rand.IntN(count)
	for i := range count {
		port := firstPort + (first+i)%count
		lock, err := lockPort(port)
		if errors.Is(err, unix.EADDRINUSE) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reserve an address: %w", err)
		}
		if free(port) {
			return &reservation{port: port, lock: lock}, nil
		}
		unix.Close(lock)
	}
	return nil, fmt.Errorf("reserve an address: none of the ports %d to %d is free", firstPort, end-1)
}

// lockPort binds a socket to the abstract address of the port's lock.
func lockPort(port int) (fd int, err error) {
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

// free binds the port for a moment as a target without SO_REUSEADDR would, on all addresses.
func free(port int) bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.Bind(fd, &unix.SockaddrInet4{Port: port}) == nil
}

// firstEphemeralPort is where the range begins from which the kernel picks ports; Linux's
// default where it cannot be read.
func firstEphemeralPort(path string) int {
	const linuxDefault = 32768
	b, err := os.ReadFile(path)
	if err != nil {
		return linuxDefault
	}
	fields := strings.Fields(string(b))
	if len(fields) != 2 {
		return linuxDefault
	}
	n, err := strconv.Atoi(fields[0])
	if err != nil {
		return linuxDefault
	}
	return n
}

func (r *reservation) addr() string { return net.JoinHostPort(loopback, strconv.Itoa(r.port)) }

func (r *reservation) close() error { return os.NewSyscallError("close", unix.Close(r.lock)) }

var addressVariable = regexp.MustCompile(`\$(?:\{(ADDR|HOST|PORT)\}|(ADDR|HOST|PORT)\b)`)

// expand replaces $ADDR, $HOST and $PORT.
func (r *reservation) expand(s string) string {
	return addressVariable.ReplaceAllStringFunc(s, func(v string) string {
		switch strings.Trim(v, "${}") {
		case "ADDR":
			return r.addr()
		case "HOST":
			return loopback
		default:
			return strconv.Itoa(r.port)
		}
	})
}
