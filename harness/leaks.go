package harness

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"oomcage/harness/internal/printable"
)

// openCages are the cages of this process that have not been closed.
var openCages cageList

type cageList struct {
	mu    sync.Mutex
	cages []*Cage
}

func (l *cageList) add(c *Cage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cages = append(l.cages, c)
}

func (l *cageList) remove(c *Cage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cages = slices.DeleteFunc(l.cages, func(o *Cage) bool { return o == c })
}

func (l *cageList) all() []*Cage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.cages)
}

// VerifyTestMain runs the tests and then fails, with exit code 1, when one of them has left a
// cage, a process in a cage or a goroutine behind. What is left is named on stderr, and cages
// are closed. Call it from TestMain; it does not return.
func VerifyTestMain(m *testing.M) {
	code := m.Run()
	for _, complaint := range findLeft() {
		fmt.Fprintln(os.Stderr, "oomcage:", printable.Indented(complaint))
		code = max(code, 1)
	}
	os.Exit(code)
}

// findLeft closes what is open and says what it was.
func findLeft() []string {
	var left []string
	for _, c := range openCages.all() {
		if c.isClosed() { // with its parent, just now
			continue
		}
		pids, _ := c.group.Procs()
		left = append(left, fmt.Sprintf("the cage %s was not closed (%s in it)", c.Path(), processes(uint64(len(pids)))))
		if err := c.Close(); err != nil {
			left = append(left, err.Error())
		}
	}
	if err := goleak.Find(); err != nil {
		left = append(left, err.Error())
	}
	return left
}
