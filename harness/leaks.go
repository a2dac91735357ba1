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

	// onSignal is closeOnSignal where the process is a test run. It is called when the first cage is added, and what
	// it returns when the last one is removed: without a cage, signals are none of the harness's business.
	onSignal func() (stop func())
	stop     func()
}

func (l *cageList) add(c *Cage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cages = append(l.cages, c)
	if l.onSignal != nil && l.stop == nil {
		l.stop = l.onSignal()
	}
}

func (l *cageList) remove(c *Cage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cages = slices.DeleteFunc(l.cages, func(o *Cage) bool { return o == c })
	if len(l.cages) == 0 && l.stop != nil {
		l.stop()
		l.stop = nil
	}
}

// closeOnSignal is for a test run.
func (l *cageList) closeOnSignal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.onSignal = closeOnSignal
}

func (l *cageList) all() []*Cage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.cages)
}

// VerifyTestMain runs the tests and then fails, with exit code 1, when one of them has left a
// cage, a process in a cage or a goroutine behind. What is left is named on stderr, and cages
// are closed. Call it from TestMain; it does not return.
//
// While a cage is open, SIGINT (Ctrl-C), SIGTERM and SIGHUP close all cages before they end the process,
// unless it was started to ignore them; a second one ends it at once. A test that sends one of them to its own
// process must have no cage open then.
func VerifyTestMain(m *testing.M) {
	openCages.closeOnSignal()
	code := m.Run()
	awaitEndBySignal()
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
		left = append(left, fmt.Sprintf("the cage %s was not closed (%s in it)", c.Path(), c.group.DescribeProcs()))
		if err := c.Close(); err != nil {
			left = append(left, err.Error())
		}
	}
	if err := goleak.Find(); err != nil {
		left = append(left, err.Error())
	}
	return left
}
