package harness

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"oomcage/harness/internal/patience"
)

// heedGrace is how long after the end of its context a step or a probe may take to return. The rest of a second,
// by which a run may be late, is for the evidence.
const heedGrace = 700 * time.Millisecond

// unheeded is the error of a step or a probe that did not return when its context had ended.
type unheeded struct{ cause error }

// Error says why it was to return, and that it has not.
func (u *unheeded) Error() string {
	return fmt.Sprintf("it does not heed its context: %v, and %v later it has not returned; its goroutine is left behind", u.cause, heedGrace)
}

// Unwrap returns why the context had ended.
func (u *unheeded) Unwrap() error { return u.cause }

// heed calls f, which is a step or a probe of the user, and gives it up where it does not end with ctx: no
// goroutine can be stopped from outside. A panic of f, and the end of its test, happen to the caller.
func heed(ctx context.Context, f func() error) error {
	ended := make(chan callEnd, 1)
	go func() { call(f, func(e callEnd) { ended <- e }) }()
	select {
	case e := <-ended:
		return e.pass()
	case <-ctx.Done():
	}
	grace := patience.New(heedGrace)
	defer grace.End()
	select {
	case e := <-ended:
		return e.pass()
	case <-grace.Over:
		return &unheeded{context.Cause(ctx)}
	}
}

// call calls f, and tells how it ended even where that ends this goroutine.
func call(f func() error, ended func(callEnd)) {
	e := callEnd{exited: true}
	defer func() {
		if e.exited {
			if value := recover(); value != nil {
				e.panicked = &userPanic{value, debug.Stack()}
			}
		}
		ended(e)
	}()
	e.err = f()
	e.exited = false
}

// callEnd is how a call of the user's code ended.
type callEnd struct {
	err      error
	panicked *userPanic
	exited   bool // without returning: it panicked, or ended its goroutine as testing.T.FailNow does
}

// pass does to the caller what the call did to its own goroutine.
func (e callEnd) pass() error {
	switch {
	case e.panicked != nil:
		panic(e.panicked)
	case e.exited:
		runtime.Goexit()
	}
	return e.err
}

// userPanic is the panic of a step or a probe, with the stack of where it was.
type userPanic struct {
	value any
	stack []byte
}

// Error is the panic's value, with the stack of where it was.
func (p *userPanic) Error() string {
	return fmt.Sprintf("a step or a probe panicked: %v\n\n%s", p.value, p.stack)
}

// Unwrap returns the value where it is an error.
func (p *userPanic) Unwrap() error {
	err, _ := p.value.(error)
	return err
}
