package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// at is a process that has this address, and is none.
func at(t *testing.T, addr net.Addr) *Process {
	t.Helper()
	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	return &Process{cage: &Cage{address: &reservation{port: addr.(*net.TCPAddr).Port}}, child: self, name: "at", done: make(chan struct{})}
}

// Each is what a real server makes of a real step.
func TestAFailedStepIsOfTheKindOfItsError(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/busy", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	hangUp := func(linger int, some string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, some)
				_ = conn.(*net.TCPConn).SetLinger(linger)
				_ = conn.Close()
			}
		}
	}
	mux.HandleFunc("/reset", hangUp(0, ""))
	mux.HandleFunc("/eof", hangUp(-1, ""))
	mux.HandleFunc("/half", hangUp(-1, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"))
	s := httptest.NewServer(mux)
	defer s.Close()
	here := at(t, s.Listener.Addr())
	nobody := at(t, unheard(t))

	over := func(cause error) context.Context {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		return ctx
	}
	deadline, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	command := func(words ...string) error { return Exec(words...)(t.Context(), here, 1) }
	for name, c := range map[string]struct {
		err  error
		want outcome.Answer
	}{
		"acknowledged":            {HTTPGet("/ok")(t.Context(), here, 1), outcome.AnswerOK},
		"another status":          {HTTPPost("/busy")(t.Context(), here, 1), "http 503"},
		"not found":               {HTTPPost("/none")(t.Context(), here, 1), "http 404"},
		"the run's time":          {HTTPGet("/hang")(over(errTimeout), here, 1), outcome.AnswerTimeout},
		"a deadline":              {HTTPGet("/hang")(deadline, here, 1), outcome.AnswerTimeout},
		"the target ended":        {HTTPGet("/hang")(over(&targetEnded{}), here, 1), outcome.AnswerEnded},
		"given up":                {&unheeded{&targetEnded{}}, outcome.AnswerEnded},
		"nobody listens":          {HTTPGet("/ok")(t.Context(), nobody, 1), outcome.AnswerRefused},
		"a reset":                 {HTTPGet("/reset")(t.Context(), here, 1), outcome.AnswerReset},
		"no answer":               {HTTPGet("/eof")(t.Context(), here, 1), outcome.AnswerEOF},
		"half an answer":          {HTTPGet("/half")(t.Context(), here, 1), outcome.AnswerEOF},
		"a command that failed":   {command("false"), outcome.AnswerOther},
		"no command":              {command(), outcome.AnswerOther},
		"any":                     {errors.New("x"), outcome.AnswerOther},
		"the first one that says": {fmt.Errorf("step 3: %w", fmt.Errorf("%w: %w", errTimeout, io.EOF)), outcome.AnswerTimeout},
	} {
		require.Equal(t, c.want, answerOf(c.err), "%s: %v", name, c.err)
	}
}

// Beyond the log itself, which grows until it has 1.3 MB.
func TestNotingAStepsTimeCostsNoAllocation(t *testing.T) {
	timer, n := stepTimer{start: time.Now()}, 0
	add := func() {
		n++
		timer.add(n, time.Now(), time.Now(), nil)
	}
	for range 40_000 {
		add()
	}
	require.Zero(t, testing.AllocsPerRun(1000, add))
}

// requireStepTimes asserts that the outcome has each of its steps, one after the other.
func requireStepTimes(t *testing.T, o *Outcome) {
	t.Helper()
	require.Len(t, o.StepTimes, o.Attempted)
	end := time.Duration(0)
	for i, s := range o.StepTimes {
		require.Equal(t, i+1, s.N)
		require.GreaterOrEqual(t, s.Begin, end)
		require.Positive(t, s.Took)
		end = s.Begin + s.Took
		if i < o.Acknowledged {
			require.Equal(t, outcome.AnswerOK, s.Answer)
		}
	}
	require.Less(t, end, o.Took)
	require.Equal(t, o.Acknowledged, o.Latency.Count)
	require.Equal(t, o.StepTimes[o.Acknowledged-1].Took, o.Latency.Last.Round(time.Microsecond))
	require.InEpsilon(t, float64(o.Acknowledged)/(o.StepTimes[o.Acknowledged-1].Begin+o.StepTimes[o.Acknowledged-1].Took-o.StepTimes[0].Begin).Seconds(), o.Latency.PerSecond, 0.01)
}

func TestAKilledTargetsStepsHaveTimes(t *testing.T) {
	o := RunT(t, Spec{Target: server(t), Limits: Limits{Max: 100 * MiB}, Load: Load{Step: HTTPPost("/eat/10485760"), Bytes: 10 * MiB}})
	o.RequireVerdict(t, OOMKilled)
	requireStepTimes(t, o)
	last := o.StepTimes[o.Attempted-1]
	require.Contains(t, []outcome.Answer{outcome.AnswerEOF, outcome.AnswerReset, outcome.AnswerRefused}, last.Answer)
	require.Equal(t, map[outcome.Answer]int{last.Answer: 1}, o.Latency.Failed)
	require.Contains(t, o.String(), "\n  latency    p50 ")
}

// A step of the second half takes memory as one of the first does, and asks until it has taken four times as long as half of those
// did. Which step is the first is in the tests of the times themselves.
func TestWhereStepsBecomeSlowIsSaid(t *testing.T) {
	const steps, size = 40, 2 * MiB
	var first []time.Duration
	step := func(ctx context.Context, p *Process, n int) error {
		begin := time.Now()
		err := HTTPPost(fmt.Sprintf("/eat/%d", size))(ctx, p, n)
		if n <= steps/2 {
			first = append(first, time.Since(begin))
			return err
		}
		slices.Sort(first)
		for err == nil && time.Since(begin) < 4*first[len(first)/2] {
			err = HTTPGet("/ready")(ctx, p, n)
		}
		return err
	}
	o := RunT(t, Spec{Target: server(t), Limits: Limits{Max: 200 * MiB}, Load: Load{Step: step, Count: steps, Bytes: size}})
	o.RequireVerdict(t, Survived)
	requireStepTimes(t, o)
	require.Nil(t, o.Latency.Failed)
	d := o.Latency.Doubled
	require.NotNil(t, d, "%v", o.StepTimes)
	require.LessOrEqual(t, d.Step, steps/2+3) // sooner where the machine itself became slow
	require.Equal(t, o.StepTimes[d.Step-1].Begin, d.At.Round(time.Microsecond))
	require.InDelta(t, int64(o.Baseline.Current)+int64(size)*int64(d.Step-1), int64(d.Current), float64(6*MiB))
	require.Equal(t, 200*MiB, d.Limit)
	require.Contains(t, o.String(), fmt.Sprintf("doubled at %.0f %% of memory.max", 100*float64(d.Current)/float64(d.Limit)))
}

func TestAStepThatTimeRunsOutOnIsATimeout(t *testing.T) {
	o := runUntil(t, Limits{Max: 100 * MiB}, func(timeIsUp func()) Spec {
		return Spec{Target: server(t), Load: Load{Step: func(ctx context.Context, p *Process, n int) error {
			if n == 3 {
				timeIsUp()
				return HTTPGet("/hang")(ctx, p, n)
			}
			return HTTPGet("/ready")(ctx, p, n)
		}}}
	})
	require.Equal(t, map[outcome.Answer]int{outcome.AnswerTimeout: 1}, o.Latency.Failed)
	require.Equal(t, outcome.AnswerTimeout, o.StepTimes[2].Answer)
	requireStepTimes(t, o)
}

func TestARunWithoutStepsHasNoTimesOfSteps(t *testing.T) {
	o := RunT(t, Spec{Target: as(t, "exit", "0")})
	require.Nil(t, o.Latency)
	require.Nil(t, o.StepTimes)
	require.NotContains(t, o.String(), "latency")
}
