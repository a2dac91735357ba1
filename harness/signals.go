package harness

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/patience"
)

// endSignals are those by which a user, a CI system or a terminal that is closed ends a test run.
var endSignals = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}

// sameKey is how long after a signal another one may be the same key: a terminal sends Ctrl-C to the whole
// process group, and a parent may pass on what it got itself.
const sameKey = time.Second

// ending is set while cages are closed because of a signal.
var ending struct {
	sync.Mutex
	by   os.Signal
	done chan struct{} // closed when the signal has been sent again
}

// closeOnSignal closes all cages of the process on the first of endSignals, and then lets that signal do what
// it does without the harness: end the process, unless somebody else handles it. Another one later ends
// the process at once. A signal that the process was started to ignore, as by nohup, stays ignored. stop does not
// wait: the closing of the last cage calls it.
func closeOnSignal() (stop func()) {
	heeded := slices.DeleteFunc(slices.Clone(endSignals), signal.Ignored)
	if len(heeded) == 0 {
		return func() {} // without any, Notify would take all
	}
	signals, quit := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, heeded...)
	go func() {
		var sig os.Signal
		select {
		case sig = <-signals:
		case <-quit:
			select {
			case sig = <-signals: // it came before the end
			default:
				return
			}
		}
		time.AfterFunc(sameKey, func() { signal.Stop(signals) })
		endBy(sig, func() { signal.Stop(signals) })
	}()
	return func() {
		signal.Stop(signals)
		close(quit)
	}
}

// endBy closes all cages, and sends the signal again when release has let go of it.
func endBy(sig os.Signal, release func()) {
	done := make(chan struct{})
	defer close(done)
	ending.Lock()
	ending.by, ending.done = sig, done
	ending.Unlock()
	closeAll()
	release()
	if number, ok := sig.(syscall.Signal); ok {
		_ = unix.Kill(os.Getpid(), number) // to itself, which is allowed
	}
}

// endingBy returns the signal that ends the process, or nil.
func endingBy() os.Signal {
	ending.Lock()
	defer ending.Unlock()
	return ending.by
}

// awaitEndBySignal returns when no signal ends the process, or somebody else has handled it.
func awaitEndBySignal() {
	ending.Lock()
	done := ending.done
	ending.Unlock()
	if done != nil {
		<-done
		<-patience.New(sameKey).Over // the kernel may choose a thread that gets to it later
	}
}

// closeAll closes every cage. Errors go to stderr: there is nobody else to tell.
func closeAll() {
	cages := openCages.all()
	for _, c := range cages {
		c.shut() // all of them before the first is killed
	}
	var closing sync.WaitGroup
	for _, c := range cages {
		closing.Go(func() {
			if err := c.Close(); err != nil {
				fmt.Fprintln(os.Stderr, "oomcage:", err)
			}
		})
	}
	closing.Wait()
	current.Lock()
	defer current.Unlock()
	if current.ref == nil {
		return
	}
	// One was just being made.
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := current.ref.group.Close(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "oomcage:", err)
	}
}
