package harness

import (
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestPortsLieOutsideTheKernelsRangeWhereItLeavesAny(t *testing.T) {
	for text, want := range map[string]portRange{
		"32768\t60999\n": {10000, 32767}, "1024 65535": {10000, 65535}, "1024 50000": {50001, 65535}, "10000 65000": {10000, 65535}, "nonsense": {10000, 32767},
	} {
		path := t.TempDir() + "/range"
		mustWrite(t, path, text)
		require.Equal(t, want, portsBeside(path), text)
	}
}

// fakeLocks are the locks of one process that is alone.
type fakeLocks map[int]bool

func (l fakeLocks) Lock(port int) (bool, error) {
	if l[port] {
		return false, nil
	}
	l[port] = true
	return true, nil
}

func (l fakeLocks) Unlock(port int) error {
	delete(l, port)
	return nil
}

func TestAPortIsLeftToWhoeverHasToldSo(t *testing.T) {
	ports := portRange{20000, 20099}
	first, err := reserveIn(ports, make(fakeLocks))
	require.NoError(t, err)
	defer first.close()
	for range 20 {
		other, err := reserveIn(ports, make(fakeLocks))
		require.NoError(t, err)
		require.NotEqual(t, first.port, other.port)
		require.NoError(t, other.close())
	}
}

// Anybody may bind the addresses that stand for the ports.
func TestWhoeverBindsAllAddressesStopsNobody(t *testing.T) {
	ports := portRange{21000, 21099}
	for port := ports.first; port <= ports.last; port++ {
		if fd, err := tellOthers(port); err == nil {
			t.Cleanup(func() { unix.Close(fd) })
		}
	}
	locks := make(fakeLocks)
	seen := map[int]bool{}
	for range 50 {
		r, err := reserveIn(ports, locks)
		require.NoError(t, err)
		require.NotNil(t, r)
		require.False(t, seen[r.port], "port %d twice", r.port)
		seen[r.port] = true
	}
	require.Len(t, locks, 50)
}

// A process that is started just then has a copy of each socket of the harness until it is executed. Whether a port is taken
// by one cannot be asked: whoever reads /proc/PID/fd, as harnesses do in search of a listener, holds a closed socket for a
// moment too.
func TestNoProcessIsStartedWhileAPortIsProbed(t *testing.T) {
	syscall.ForkLock.Lock() // as those do who start one
	probed := make(chan error, 1)
	go func() {
		_, err := free(targetPorts().first)
		probed <- err
	}()
	stacks := make([]byte, 1<<20)
	for waits := false; !waits && len(probed) == 0; runtime.Gosched() {
		for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			waits = waits || strings.Contains(stack, "harness.free(") && strings.Contains(stack, "(*RWMutex).RLock(")
		}
	}
	early := len(probed) > 0
	syscall.ForkLock.Unlock()
	require.False(t, early, "it did not wait")
	require.NoError(t, <-probed)
}

// FuzzExpand compares with a reading letter by letter, as the manual of Target.Args has it.
func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"$ADDR", "-addr=${ADDR}", "$HOST:$PORT", "$ADDRESS", "${ADDR", "${ADDRESS}", "$$PORT", "$PORT_", "$PORTé", "${HOST}PORT", "$$ADDR$", "$ADDR$ADDR", "${${PORT}}", "\xff$HOST\xff", "$HOST\n$PORT"} {
		f.Add(seed)
	}
	r := &reservation{port: 12345}
	values := map[string]string{"ADDR": "127.0.0.1:12345", "HOST": "127.0.0.1", "PORT": "12345"}
	f.Fuzz(func(t *testing.T, s string) {
		var want strings.Builder
		for rest := s; rest != ""; {
			name, length := variableAt(rest)
			if length == 0 {
				want.WriteByte(rest[0])
				rest = rest[1:]
				continue
			}
			want.WriteString(values[name])
			rest = rest[length:]
		}
		require.Equal(t, want.String(), r.expand(s))
	})
}

// variableAt names the variable that s begins with, and says how long it is there.
func variableAt(s string) (name string, length int) {
	for _, name := range []string{"ADDR", "HOST", "PORT"} {
		if strings.HasPrefix(s, "${"+name+"}") {
			return name, len(name) + len("${}")
		}
		after, found := strings.CutPrefix(s, "$"+name)
		if !found {
			continue
		}
		if next := strings.TrimLeft(after, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"); next == after {
			return name, len("$") + len(name)
		}
	}
	return "", 0
}

func TestTheAddressReplacesItsVariablesAndNoOthers(t *testing.T) {
	r := &reservation{port: 12345}
	for in, want := range map[string]string{
		"$ADDR": "127.0.0.1:12345", "-addr=${ADDR}": "-addr=127.0.0.1:12345", "$HOST:$PORT": "127.0.0.1:12345",
		"$ADDRESS": "$ADDRESS", "$PORTS ${PORT}s": "$PORTS 12345s", "$HOME": "$HOME", "$$PORT": "$12345", "100%": "100%",
	} {
		require.Equal(t, want, r.expand(in), in)
	}
}

func TestThePIDIsReplacedWhereThereIsOneAndOnlyAsAWholeName(t *testing.T) {
	r := &reservation{port: 12345}
	for in, want := range map[string]string{
		"/proc/$PID/mem": "/proc/7/mem", "${PID}s": "7s", "$PIDFILE": "$PIDFILE", "$PORT$PID": "123457", "$PID$ADDR": "7127.0.0.1:12345",
	} {
		require.Equal(t, want, r.expandFor(in, 7), in)
	}
	require.Equal(t, "$PID ${PID} 12345", r.expand("$PID ${PID} $PORT"), "a target does not know its own yet")
}
