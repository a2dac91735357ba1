package harness

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// aStep does nothing, once.
func aStep() Load {
	return Load{Count: 1, Step: func(context.Context, *Process, int) error { return nil }}
}

// mustBeReady runs a target with a probe, and one step that does nothing.
func mustBeReady(t *testing.T, target Target, ready Probe) {
	t.Helper()
	target.Ready = ready
	o := RunT(t, Spec{Target: target, Load: aStep()})
	o.RequireVerdict(t, Survived)
	require.True(t, o.Evidence.Ready)
}

func TestATargetIsReadyWhenItsUnixSocketListens(t *testing.T) {
	mustBeReady(t, as(t, "listen-unix", "@oomcage-test-$PORT"), UnixReady("@oomcage-test-$PORT"))
	path := filepath.Join(t.TempDir(), "$PORT.sock")
	mustBeReady(t, as(t, "listen-unix", path), UnixReady(path))
}

func TestASocketThatCannotBeIsNotWaitedFor(t *testing.T) {
	target := as(t, "idle")
	target.Ready = UnixReady("/" + strings.Repeat("x", 107))
	o := RunT(t, Spec{Target: target, Load: aStep()})
	o.RequireVerdict(t, Inconclusive)
	require.Contains(t, o.Error, "paths of sockets have 107 bytes at most")
	require.Less(t, o.Took, outcome.DefaultTimeout/2)
}

// The line is followed by much more than is kept of an output, and by as much as a target can print.
func TestALineOfOutputIsNotTooFastToBeSeen(t *testing.T) {
	const line = "ready to serve"
	target := as(t, "announce", line, "4194304")
	target.Ready = OutputReady(regexp.MustCompile("^" + line + "$"))
	o := RunT(t, Spec{Target: target, Load: Load{Count: 1, Step: func(ctx context.Context, p *Process, _ int) error {
		for strings.Contains(p.Output(), line) { // nobody is told when it is gone from what is kept
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Millisecond):
			}
		}
		return nil
	}}})
	o.RequireVerdict(t, Survived)
	require.Equal(t, 1, o.Acknowledged)
	require.True(t, o.Evidence.Ready)
}

func TestALineIsSeenOfATargetThatEndsBehindIt(t *testing.T) {
	target := as(t, "env", "the last word")
	target.Ready = OutputReady(regexp.MustCompile("the last word"))
	o := RunT(t, Spec{Target: target})
	o.RequireVerdict(t, Exited)
	require.True(t, o.Evidence.Ready, "%s", o)
}

func TestATargetThatNeverSaysSoIsNotReady(t *testing.T) {
	target := as(t, "env", "something else")
	target.Ready = OutputReady(regexp.MustCompile("^ready$"))
	o := RunT(t, Spec{Target: target})
	o.RequireVerdict(t, Exited)
	require.False(t, o.Evidence.Ready)
	require.Regexp(t, `(the target ended: exit code 0|its output has ended); before that: no line of its output matches "\^ready\$": the last one is "\[something else\] "`, o.Error)
}

// A probe that asks for no output must not hold up a target that prints more than a pipe holds.
func TestAnotherProbeDoesNotHoldUpWhatATargetPrints(t *testing.T) {
	mustBeReady(t, as(t, "shout-and-serve", "$ADDR", "1048576"), HTTPReady("/ready"))
	waits := false
	mustBeReady(t, as(t, "shout-and-serve", "$ADDR", "1048576"), func(ctx context.Context, p *Process) error {
		waits = true
		return HTTPReady("/ready")(ctx, p)
	})
	require.True(t, waits)
}

func TestATargetIsReadyWhenACommandSaysSo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "up")
	t.Setenv(roleVariable, "exists") // of the command; the target has its own
	target := as(t, "touch", file)
	mustBeReady(t, target, ExecReady(target.Path, file, "$PID"))
}

func TestTheLastErrorOfACommandSaysWhyATargetIsNotReady(t *testing.T) {
	t.Setenv(roleVariable, "exists")
	command := as(t, "exists").Path
	// A Go program may wait for memory on a full machine, and is taken for stalled then; see TestRunOfAProgramThatIgnoresEverythingUntilItsTimeIsUp.
	target := Target{Path: pauseProgram(t), ReadyTimeout: 10 * time.Second, Ready: ExecReady(command, "/no/such/file", "$PID")}
	o := RunT(t, Spec{Target: target, Load: aStep()})
	o.RequireVerdict(t, TimedOut)
	require.Contains(t, o.Error, "it was not ready within 10s; before that: run "+command+": exit status 1: stat /no/such/file: no such file or directory")
	require.True(t, o.Evidence.TimedOut)
	require.Contains(t, o.Why, "alive when the time was up, never ready")
	require.Less(t, o.Took, outcome.DefaultTimeout/2)
}

func TestAnAnswerIsReadyByItsStatusAndItsText(t *testing.T) {
	serve := as(t, "serve-health", "$ADDR")
	mustBeReady(t, serve, HTTPProbe(Request{Path: "/up", Status: []int{200}, Text: `"status":"UP"`}))
	mustBeReady(t, serve, HTTPProbe(Request{Path: "/down", Status: []int{503}, Text: "DOWN"}))
	serve.Ready, serve.ReadyTimeout = HTTPProbe(Request{Path: "/up", Text: "DOWN"}), 10*time.Second
	o := RunT(t, Spec{Target: serve, Load: aStep()})
	require.Contains(t, []Verdict{TimedOut, Stalled}, o.Verdict, "the latter if it had to wait for memory: %s", o.Why)
	require.True(t, o.Evidence.TimedOut)
	require.Contains(t, o.Error, `it was not ready within 10s; before that: GET http://`)
	require.Contains(t, o.Error, `/up: 200 OK, without the text "DOWN": {"status":"UP"}`)
}

func TestATargetThatIsReadyInItsTimeHasTheWholeRunForItsLoad(t *testing.T) {
	target := as(t, "serve", "$ADDR")
	target.Ready, target.ReadyTimeout = TCPReady(), 20*time.Second
	o := RunT(t, Spec{Target: target, Load: Load{Count: 1, Step: func(ctx context.Context, _ *Process, _ int) error {
		deadline, _ := ctx.Deadline()
		require.Greater(t, time.Until(deadline), 20*time.Second)
		return nil
	}}})
	o.RequireVerdict(t, Survived)
	require.Equal(t, 20*time.Second, o.Spec.Target.ReadyTimeout)
}

func TestAReadyTimeoutThatMakesNoSenseIsRefused(t *testing.T) {
	for want, s := range map[string]Spec{
		"ReadyTimeout but no Ready":                        {Target: Target{Path: "p", ReadyTimeout: 1}},
		"ReadyTimeout is -1ns: it must not be negative":    {Target: Target{Path: "p", ReadyTimeout: -1, Ready: TCPReady()}},
		"ReadyTimeout is 2m0s, and the whole run has 1m0s": {Target: Target{Path: "p", ReadyTimeout: 2 * time.Minute, Ready: TCPReady()}},
	} {
		require.ErrorContains(t, s.Validate(), want)
	}
	require.NoError(t, Spec{Timeout: time.Hour, Target: Target{Path: "p", ReadyTimeout: 2 * time.Minute, Ready: TCPReady()}}.Validate())
}

// serveHealth answers with a status and a text.
func serveHealth(addr string) {
	mux := http.NewServeMux()
	for path, status := range map[string]int{"up": http.StatusOK, "down": http.StatusServiceUnavailable} {
		mux.HandleFunc("/"+path, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"status":"`+strings.ToUpper(path)+`"}`)
		})
	}
	fail(http.ListenAndServe(addr, mux)) //nolint:gosec // a target of a test
}

// One connection that was accepted and never answered took all of the time.
func TestAProbeThatHangsIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Process{name: "x"}
		tries, begin := 0, time.Now()
		require.NoError(t, untilReady(t.Context(), p, func(ctx context.Context) error {
			if tries++; tries < 3 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}))
		require.Equal(t, 3, tries)
		require.Less(t, time.Since(begin), 4*probeTry)

		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errTimeout)
		defer cancel()
		err := untilReady(ctx, p, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		require.ErrorIs(t, err, errTimeout)
		require.ErrorContains(t, err, "it did not answer within 20s", "the last try that came to its end")
	})
}
