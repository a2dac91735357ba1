package vm

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// The test binary is also the guest's init, the programs that run in the guest, and a wrapper that can be
// interrupted: what the booting tests (build tag vmhost) need, with nothing else to build.
func TestMain(m *testing.M) {
	if InGuest() {
		Init()
	}
	if name := os.Getenv("VM_TEST_ROLE"); name != "" {
		role, ok := roles[name]
		if !ok {
			fmt.Fprintln(os.Stderr, "no such role:", name)
			os.Exit(99)
		}
		os.Exit(role())
	}
	os.Exit(m.Run())
}

// roles are what this executable does instead of testing; the value is the exit code.
var roles = map[string]func() int{}

// wait never returns. It is no select without cases: where cgo is off, Go ends a program that only waits.
func wait() {
	for {
		_ = unix.Pause()
	}
}
