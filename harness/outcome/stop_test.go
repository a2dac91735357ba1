package outcome

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stoppedOutcome has taken all its steps, and was then sent SIGTERM.
func stoppedOutcome(status ExitStatus, change ...func(*Outcome)) *Outcome {
	with := Stop{Signal: "SIGTERM", Grace: 5 * time.Second}
	o := &Outcome{
		Spec: Spec{Stop: &with}, Acknowledged: 20, Attempted: 20,
		Evidence: Evidence{
			Status: status, Ready: true, Peak: 60 * MiB, Limits: Limits{Max: 64 * MiB},
			Stop: &Stopped{Stop: with, At: time.Second, Took: 240 * time.Millisecond, Ended: status.Ended},
		},
	}
	if !status.Ended {
		o.Evidence.Stop.Took = with.Grace
	}
	for _, c := range change {
		c(o)
	}
	o.Verdict, o.Why = o.Judge()
	return o
}

func ownKilled(o *Outcome) {
	o.Evidence.Events = Events{OOM: 1, OOMKill: 1}
	o.Evidence.EventsLocal = o.Evidence.Events
}

func TestTheEndAfterAStopIsJudgedAndSaid(t *testing.T) {
	segv := ExitStatus{Ended: true, Code: -1, Signal: "SIGSEGV"}
	for name, c := range map[string]struct {
		o       *Outcome
		verdict Verdict
		why     string
		unclean string // why it was no clean stop
	}{
		"it ended by itself": {
			stoppedOutcome(exit(0)), Survived,
			"alive when the load ended: 60.0 of 64.0 MiB, after step 20; SIGTERM made it end in 240 ms with exit code 0", "",
		},
		"it ended with another code": {
			stoppedOutcome(exit(143)), Survived,
			"alive when the load ended: 60.0 of 64.0 MiB, after step 20; SIGTERM made it end in 240 ms with exit code 143",
			"SIGTERM made it end in 240 ms with exit code 143",
		},
		"the signal ended it": {
			stoppedOutcome(sigterm), Survived,
			"alive when the load ended: 60.0 of 64.0 MiB, after step 20; SIGTERM ended it in 240 ms, not by itself",
			"SIGTERM ended it in 240 ms, not by itself",
		},
		"its grace ran out": {
			stoppedOutcome(ExitStatus{}), Survived,
			"alive when the load ended: 60.0 of 64.0 MiB, after step 20; SIGTERM did not end it within its grace of 5s",
			"SIGTERM did not end it within its grace of 5s",
		},
		"the run's time was up": {
			stoppedOutcome(ExitStatus{}, func(o *Outcome) { o.Evidence.Stop.TimeUp, o.Evidence.Stop.Took = true, 2*time.Second }), Survived,
			"alive when the load ended: 60.0 of 64.0 MiB, after step 20; SIGTERM had not ended it after 2.0 s, when the run's time was up, before its grace of 5s was",
			"SIGTERM had not ended it after 2.0 s, when the run's time was up, before its grace of 5s was",
		},
		"it was OOM-killed meanwhile": {
			stoppedOutcome(sigkill, ownKilled), OOMKilled,
			"killed by its own limit: 60.0 of 64.0 MiB, after step 20; that was in its shutdown, 240 ms after SIGTERM",
			"the verdict is oom-killed: that was in its shutdown, 240 ms after SIGTERM",
		},
		"and its last step had failed": {
			stoppedOutcome(sigkill, ownKilled, func(o *Outcome) { o.Attempted, o.Error = 21, "step 21: 507 Insufficient Storage" }), OOMKilled,
			"killed by its own limit: 60.0 of 64.0 MiB, after step 20; that was in its shutdown, 240 ms after SIGTERM",
			"the verdict is oom-killed: that was in its shutdown, 240 ms after SIGTERM",
		},
		"a child was killed meanwhile": {
			stoppedOutcome(exit(0), ownKilled), ChildOOMKilled,
			"a process inside was killed by an OOM killer, and the target ended with exit code 0, after step 20; SIGTERM made it end in 240 ms with exit code 0",
			"the verdict is child-oom-killed: SIGTERM made it end in 240 ms with exit code 0",
		},
		"it crashed": {
			stoppedOutcome(segv), Killed,
			"ended by SIGSEGV, and no kernel OOM killer had a part in it: oom_kill did not rise, after step 20; that was in its shutdown, 240 ms after SIGTERM",
			"the verdict is killed: that was in its shutdown, 240 ms after SIGTERM",
		},
		"its runtime gave up": {
			stoppedOutcome(exit(2), func(o *Outcome) { o.Evidence.LastWords = &RuntimeEnd{"Go", "fatal error: out of memory"} }), RuntimeOOM,
			`its own runtime (Go) gave up for want of memory, as its last words say: "fatal error: out of memory"; no kernel OOM killer had a part in it, and it ended by itself with exit code 2 at 60.0 of 64.0 MiB, after step 20; SIGTERM made it end in 240 ms with exit code 2`,
			"the verdict is runtime-oom: SIGTERM made it end in 240 ms with exit code 2",
		},
		"it left a worker": {
			stoppedOutcome(exit(0), func(o *Outcome) { o.Evidence.LeftRunning = []string{"worker[9]"} }), Survived,
			"alive when the load ended: 60.0 of 64.0 MiB, after step 20; SIGTERM made it end in 240 ms with exit code 0, while worker[9] ran on in the cage",
			"SIGTERM made it end in 240 ms with exit code 0, while worker[9] ran on in the cage",
		},
		"the signal could not be sent": {
			stoppedOutcome(ExitStatus{}, func(o *Outcome) { o.Evidence.Stop.Error = "operation not permitted" }), Survived,
			"alive when the load ended: 60.0 of 64.0 MiB, after step 20; it could not be sent SIGTERM: operation not permitted",
			"it could not be sent SIGTERM: operation not permitted",
		},
		"it was not asked": {
			stoppedOutcome(sigkill, ownKilled, func(o *Outcome) { o.Evidence.Stop = nil }), OOMKilled,
			"killed by its own limit: 60.0 of 64.0 MiB, after step 20", "it was not asked to stop: oom-killed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.verdict, c.o.Verdict)
			require.Equal(t, c.why, c.o.Why)
			var r recorder
			c.o.RequireCleanStop(&r)
			if c.unclean == "" {
				require.Empty(t, r.message)
			} else {
				require.Contains(t, r.message, "it was no clean stop: "+c.unclean+"\n")
			}
			line, err := json.Marshal(c.o)
			require.NoError(t, err)
			again, err := ParseOutcome(line)
			require.NoError(t, err)
			v, why := again.Judge()
			require.Equal(t, c.verdict, v)
			require.Equal(t, c.why, why)
			if c.o.Evidence.Stop != nil {
				require.Contains(t, c.o.String(), "\n  stopped    SIGTERM,5s after the load; ")
			}
		})
	}
}

func TestHowATargetStoppedMayBeExpected(t *testing.T) {
	for _, c := range []struct {
		text string
		o    *Outcome
		want string
	}{
		{"stopped", stoppedOutcome(exit(0)), ""},
		{"stopped=0", stoppedOutcome(exit(0)), ""},
		{"survived", stoppedOutcome(exit(1)), ""},
		{"stopped=143", stoppedOutcome(exit(143)), ""},
		{"stopped=TERM", stoppedOutcome(sigterm), ""},
		{"stopped,stopped=143", stoppedOutcome(exit(143)), ""},
		{"stopped", stoppedOutcome(exit(143)), "the verdict is survived, and SIGTERM made it end in 240 ms with exit code 143, not stopped"},
		{"stopped=TERM", stoppedOutcome(exit(0)), "the verdict is survived, and SIGTERM made it end in 240 ms with exit code 0, not stopped=SIGTERM"},
		{"stopped,exited=3", stoppedOutcome(ExitStatus{}), "the verdict is survived, and SIGTERM did not end it within its grace of 5s, not stopped or exited=3"},
		{"stopped", stoppedOutcome(sigkill, ownKilled), "the verdict is oom-killed, not stopped"},
		{"oom-killed", stoppedOutcome(sigkill, ownKilled), ""},
	} {
		e, err := ParseExpectation(c.text)
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, e.Unmet(c.o), c.text)
		again, err := ParseExpectation(e.String())
		require.NoError(t, err)
		require.Equal(t, e, again)
	}
}

func TestAStopIsATextWithASignalAndAGrace(t *testing.T) {
	for text, want := range map[string]string{"TERM,5s": "SIGTERM,5s", "INT": "SIGINT,10s", "sigquit, 100ms": "SIGQUIT,100ms", "15": "SIGTERM,10s"} {
		s, err := ParseStop(text)
		require.NoError(t, err)
		require.Equal(t, want, s.String())
	}
	require.Equal(t, "SIGTERM,10s", Stop{}.String())
	for text, want := range map[string]string{
		"":        "there is no signal: write one such as SIGTERM",
		"5s":      `there is no signal "5s"`,
		"TREM,5s": "did you mean SIGTERM?",
		"TERM,5":  `the grace "5" is no duration above 0: write it as TERM,5s`,
		"TERM,":   "is no duration above 0",
		"TERM,0s": "is no duration above 0",
		"TERM,-1": "is no duration above 0",
	} {
		_, err := ParseStop(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestAStopThatMakesNoSenseIsRefused(t *testing.T) {
	for want, s := range map[string]Stop{
		`Stop.Signal: there is no signal "TREM": did you mean SIGTERM?`: {Signal: "TREM"},
		"Stop.Grace is -1ns: it must not be negative":                   {Grace: -1},
		"Stop.Grace is 1m0s, and the whole run has 1m0s":                {Grace: time.Minute},
	} {
		require.ErrorContains(t, Spec{Target: Target{Path: "p"}, Stop: &s}.Validate(), want)
	}
	require.NoError(t, Spec{Target: Target{Path: "p"}, Stop: &Stop{}}.Validate())
	require.ErrorContains(t, Spec{Target: Target{Path: "p"}, Timeout: DefaultGrace, Stop: &Stop{}}.Validate(), "Stop.Grace is 10s, and the whole run has 10s")
}
