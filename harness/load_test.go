package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
)

// unseen is the progress of a load that nobody follows.
type unseen struct{ most int }

func (u *unseen) send(_, underWay int) { u.most = max(u.most, underWay) }
func (u *unseen) acknowledge(int)      {}
func (u *unseen) over()                {}

// mustApply applies the load to a target that lives until it is ended, in a bubble of time.
func mustApply(t *testing.T, l Load, step func(n int, end func()) error) (*Outcome, *unseen) {
	t.Helper()
	p := &Process{done: make(chan struct{})}
	end := sync.OnceFunc(func() {
		p.status = outcome.ExitStatus{Ended: true, Signal: "SIGKILL"}
		close(p.done)
	})
	l.outages = new(outcome.OutageLog)
	l.Step = func(_ context.Context, _ *Process, n int) error { return step(n, end) }
	o, seen := &Outcome{}, &unseen{}
	load := &loader{Load: l, p: p, o: o, seen: seen, times: &stepTimer{start: time.Now()}}
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, errTimeout)
	defer cancel()
	err := load.apply(ctx)
	if err != nil {
		o.Error = err.Error()
	}
	load.awaitDeath(ctx, err)
	load.times.complete(o)
	require.Equal(t, o.Attempted, o.Acknowledged+o.Failed+o.InFlight, "each step is counted once")
	return o, seen
}

func TestAsManyStepsAreUnderWayAsThereAreClients(t *testing.T) {
	for _, clients := range []int{0, 1, 16} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			o, seen := mustApply(t, Load{Count: 160, Clients: clients}, func(int, func()) error {
				time.Sleep(time.Second)
				return nil
			})
			require.Equal(t, 160, o.Acknowledged)
			require.Equal(t, max(clients, 1), seen.most)
			require.Equal(t, 160*time.Second/time.Duration(max(clients, 1)), time.Since(begin))
		})
	}
}

// The command printed within the step: with 16 clients on a slow terminal, that was most of its time.
func TestWhoIsToldOfAStepIsNoPartOfItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan int, 4)
		o, _ := mustApply(t, Load{Count: 4, Clients: 2, Observe: func(_ *Process, n int, err error) {
			time.Sleep(time.Minute)
			if err == nil {
				told <- n
			}
		}}, func(n int, _ func()) error {
			time.Sleep(time.Second)
			if n == 4 {
				return errors.New("no")
			}
			return nil
		})
		require.Len(t, o.StepTimes, 4)
		for _, s := range o.StepTimes {
			require.Equal(t, time.Second, s.Took)
		}
		require.Len(t, told, 3)
		require.Equal(t, 1, o.Failed)
	})
}

func TestWhoIsToldOfAStepMayPanicAsTheStepMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.Panics(t, func() {
			mustApply(t, Load{Count: 1, Observe: func(*Process, int, error) { panic("told") }}, func(int, func()) error { return nil })
		})
	})
}

// They counted as failures of the service, were tolerated, and the verdict was that it had survived.
func TestAStepThatTheHarnessHadNoMeansToSendIsNoneOfTheService(t *testing.T) {
	for errno, want := range map[error]string{
		unix.EMFILE: "ulimit -n ", unix.ENFILE: "/proc/sys/fs/file-max", unix.EADDRNOTAVAIL: "no local port is left to connect from",
	} {
		synctest.Test(t, func(t *testing.T) {
			o, _ := mustApply(t, Load{Clients: 4, Tolerate: 100}, func(n int, _ func()) error {
				time.Sleep(time.Second)
				if n > 5 && n != 8 {
					return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", errno)}
				}
				return nil
			})
			require.Equal(t, []int{6, 6, 0, 0}, []int{o.Attempted, o.Acknowledged, o.Failed, o.InFlight})
			require.Regexp(t, "^a step could not be sent: dial tcp: socket: .*"+want+".*fewer clients", o.Error)
			require.Len(t, o.StepTimes, 6)
		})
	}
}

func TestALoadWithARateDoesNotSlowDownWithTheTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var sent []time.Duration
		var mu sync.Mutex
		o, seen := mustApply(t, Load{Count: 10, Rate: 4}, func(int, func()) error {
			mu.Lock()
			sent = append(sent, time.Since(begin))
			mu.Unlock()
			time.Sleep(900 * time.Millisecond)
			return nil
		})
		for i, at := range sent {
			require.Equal(t, time.Duration(i)*250*time.Millisecond, at)
		}
		require.Equal(t, 4, seen.most)
		require.Equal(t, 900*time.Millisecond, o.Latency.Max)
	})
}

// As wrk2 and others do it: else a target that hangs would delay the very steps that were to measure that.
func TestTheTimeOfAStepThatWaitsForAClientCountsFromWhenItWasToBeSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, seen := mustApply(t, Load{Count: 3, Rate: 10, Clients: 1}, func(int, func()) error {
			time.Sleep(time.Second)
			return nil
		})
		require.Equal(t, 1, seen.most)
		require.Equal(t, []time.Duration{time.Second, 1900 * time.Millisecond, 2800 * time.Millisecond}, tooksOf(o))
	})
}

func tooksOf(o *Outcome) []time.Duration {
	var took []time.Duration
	for _, s := range o.StepTimes {
		took = append(took, s.Took)
	}
	return took
}

var refused = &HTTPStatusError{Method: "POST", URL: "/", Code: 503}

func TestAFailedStepEndsTheLoadAndOthersAreStillAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := mustApply(t, Load{Clients: 4}, func(n int, _ func()) error {
			time.Sleep(time.Duration(n) * time.Second)
			if n == 2 {
				return refused
			}
			return nil
		})
		require.Equal(t, "step 2: POST /: 503 Service Unavailable", o.Error)
		require.Equal(t, []int{5, 4, 1, 0}, []int{o.Attempted, o.Acknowledged, o.Failed, o.InFlight})
	})
}

func TestAStepWithoutAnAnswerIsGivenUpAWhileAfterTheLoadsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, o := &Process{done: make(chan struct{})}, &Outcome{}
		load := &loader{p: p, o: o, seen: &unseen{}, times: &stepTimer{start: time.Now()}, Load: Load{outages: new(outcome.OutageLog), Clients: 2,
			Step: func(ctx context.Context, _ *Process, n int) error {
				if n == 1 {
					return refused
				}
				<-ctx.Done()
				return context.Cause(ctx)
			}}}
		begin := time.Now()
		require.ErrorIs(t, load.apply(t.Context()), refused)
		require.Equal(t, drainGrace, time.Since(begin))
		require.Equal(t, []int{2, 0, 1, 1}, []int{o.Attempted, o.Acknowledged, o.Failed, o.InFlight})
	})
}

func TestStepsWithoutAnAnswerWereInFlightWhereTheTargetHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := mustApply(t, Load{Clients: 4}, func(n int, end func()) error {
			switch {
			case n < 9:
				time.Sleep(time.Millisecond)
				return nil
			case n == 11:
				time.Sleep(20 * time.Millisecond)
				end()
			}
			time.Sleep(10 * time.Millisecond)
			return io.EOF
		})
		require.Equal(t, 8, o.Acknowledged)
		require.Equal(t, []int{12, 0, 4}, []int{o.Attempted, o.Failed, o.InFlight})
		require.Contains(t, o.Error, ": EOF")
	})
}

// A target that dies may have answered before, and the answer come after another connection has ended.
func TestAnAnswerThatComesLateLeavesOtherStepsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := mustApply(t, Load{Clients: 3}, func(n int, end func()) error {
			switch n {
			case 1:
				time.Sleep(time.Second)
				end()
				return io.EOF
			case 2:
				time.Sleep(1100 * time.Millisecond)
				return nil
			}
			time.Sleep(1200 * time.Millisecond)
			return io.EOF
		})
		require.Equal(t, []int{3, 1, 0, 2}, []int{o.Attempted, o.Acknowledged, o.Failed, o.InFlight})
	})
}

// One that nobody listened to was never sent.
func TestARefusedConnectionIsNoStepInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := mustApply(t, Load{}, func(n int, end func()) error {
			if n == 1 {
				return nil
			}
			end()
			return fmt.Errorf("dial: %w", unix.ECONNREFUSED)
		})
		require.Equal(t, []int{2, 1, 1, 0}, []int{o.Attempted, o.Acknowledged, o.Failed, o.InFlight})
	})
}

func TestFailedStepsAreToleratedAndTheOutageIsTimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := mustApply(t, Load{Count: 200, Tolerate: 150}, func(n int, _ func()) error {
			time.Sleep(time.Millisecond)
			if 50 < n && n <= 150 {
				return io.EOF
			}
			return nil
		})
		require.Empty(t, o.Error)
		require.Equal(t, []int{200, 100, 100, 0}, []int{o.Attempted, o.Acknowledged, o.Failed, o.InFlight})
		require.Len(t, o.Outages, 1)
		out := o.Outages[0]
		require.Equal(t, []int{51, 100}, []int{out.Step, out.Failed})
		require.Equal(t, "EOF", out.Error)
		require.Equal(t, 100*(time.Millisecond+failurePause)+time.Millisecond, out.Took(), "each was sent a pause after the failure before")
	})
}

func TestMoreFailedStepsThanAreToleratedEndTheLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := mustApply(t, Load{Tolerate: 3}, func(n int, _ func()) error {
			if n%2 == 0 {
				return refused
			}
			return nil
		})
		require.Equal(t, []int{8, 4, 4}, []int{o.Attempted, o.Acknowledged, o.Failed})
		require.Contains(t, o.Error, "step 8: ")
		require.Len(t, o.Outages, 4)
		require.False(t, o.Outages[3].Over())
	})
}

// A step that was sent before a failure was known, and is answered after it, does not tell that the target works again.
func TestAnAnswerToAnEarlierStepEndsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := mustApply(t, Load{Clients: 2, Count: 4, Tolerate: 1}, func(n int, _ func()) error {
			switch n {
			case 1:
				time.Sleep(10 * time.Second)
			case 2:
				time.Sleep(time.Second)
				return io.EOF
			default:
				time.Sleep(20 * time.Second)
			}
			return nil
		})
		require.Equal(t, 21*time.Second+failurePause, o.Outages[0].Until)
	})
}

// The count is exact whatever the order in which steps end, and wherever the target does.
func TestEachStepIsCountedOnceInAnyOrder(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // no secret
			random := func(n int) int {
				mu.Lock()
				defer mu.Unlock()
				return r.IntN(n)
			}
			dies := 1 + random(60)
			answered := 0
			o, _ := mustApply(t, Load{Clients: 1 + random(16), Count: random(2) * 50, Tolerate: random(2) * 10}, func(n int, end func()) error {
				time.Sleep(time.Duration(random(1000)) * time.Millisecond)
				switch {
				case n >= dies:
					end()
					return io.EOF
				case random(50) == 0:
					return refused
				}
				mu.Lock()
				defer mu.Unlock()
				answered++
				return nil
			})
			require.Equal(t, answered, o.Acknowledged)
		})
	}
}

func TestAPanicOfOneClientsStepIsThatOfTheRun(t *testing.T) {
	l := &loader{p: &Process{done: make(chan struct{})}, o: &Outcome{}, seen: &unseen{}, times: &stepTimer{start: time.Now()},
		Load: Load{outages: new(outcome.OutageLog), Clients: 8, Step: func(_ context.Context, _ *Process, n int) error {
			if n == 20 {
				panic(errors.New("out of luck"))
			}
			return nil
		}}}
	require.PanicsWithError(t, "x", func() {
		defer func() {
			require.ErrorContains(t, recover().(error), "out of luck")
			panic(errors.New("x"))
		}()
		_ = l.apply(t.Context())
	})
}

// An engine takes a second to say how its container has ended, in which steps would be refused, and be counted as failed.
func TestNoStepIsSentToAContainerThatHasEnded(t *testing.T) {
	p := &Process{done: make(chan struct{}), gone: make(chan struct{})}
	l := &loader{p: p, o: &Outcome{}}
	_, more := l.next(t.Context())
	require.True(t, more)
	close(p.gone)
	_, more = l.next(t.Context())
	require.False(t, more)
}
